"""Readers of the three layouts that vehicle keypoints come in; each gives ``VehicleFrame`` (``frames.py``)."""

"""SynMix: does synthetic data help, how much of it, and how sure are we?

The way of the data, left to right; nothing imports anything on its right:
``labels`` -> ``data`` -> ``harmonize`` -> ``compose`` -> ``train`` -> ``evaluate`` -> ``study``.

Importing it changes nothing outside itself: what Detectron2 needs happens where Detectron2 is imported
(``before_detectron2.py``).
"""

__version__ = "0.1.0"

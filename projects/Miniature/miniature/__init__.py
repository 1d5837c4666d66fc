"""Drawn stand-ins for the data sets: streets with labelled instances, and vehicles with keypoints."""

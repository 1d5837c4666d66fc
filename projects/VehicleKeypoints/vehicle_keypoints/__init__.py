"""Vehicle keypoints: the second experiment, on the rooms of SynMix."""

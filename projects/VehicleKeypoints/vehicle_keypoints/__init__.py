"""Vehicle keypoints: does synthetic data lift a keypoint model on real frames, and is the flip map right?

The experiment repeated is "Synthetic pre-training experiment (Phase 0)" of github.com/kiselyovd/vehicle-keypoints.
Built on SynMix's rooms: data sources, composition, trainer, results. ``schemas`` -> ``frames`` -> ``readers`` ->
``sources`` -> ``evaluator`` -> ``experiment``; nothing imports anything on its right.
"""

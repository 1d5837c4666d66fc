"""Vehicle keypoints: does synthetic data lift a keypoint model on real frames (seed 000), and is the flip map right?

Built on SynMix's rooms: data sources, composition, trainer, results. ``schemas`` -> ``frames`` -> ``readers`` ->
``sources`` -> ``evaluator`` -> ``experiment``; nothing imports anything on its right.
"""

import synmix  # noqa: F401  restores what Detectron2 expects of newer packages, before anything here imports it

"""Published figures in percent: YOLO-pose at 480 px on CarFusion's 12,761 test frames, one training each.

They are those of "Synthetic pre-training experiment (Phase 0)", a page of github.com/kiselyovd/vehicle-keypoints; the
project calls that experiment Phase 0.
"""

#: arm -> figure -> percent
PUBLISHED: dict[str, dict[str, float]] = {
    "identity_flip": {"AP": 21.99, "AP50": 35.0, "PCK@0.05-original": 49.6},
    "corrected_flip": {"AP": 50.38, "AP50": 70.4, "PCK@0.05-original": 76.1},
    "synthetic_only": {"box-AP50": 86.0},
    "arm_b": {"AP": 38.08},
    "arm_a": {"AP": 35.75},
}
#: The original's kill switch, as OKS-mAP: derived from the model with the identity flip map, and obsolete with it.
OLD_GATE = 0.2399
#: What each arm is, for people.
TITLES: dict[str, str] = {
    "identity_flip": "real, identity flip map (the bug)",
    "corrected_flip": "real, corrected flip map",
    "synthetic_only": "synthetic only, on held-out synthetic frames",
    "arm_b": "arm B: 100 real x 8",
    "arm_a": "arm A: 100 real x 8 + synthetic",
}

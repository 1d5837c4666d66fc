"""The vehicle-keypoint experiment as runs: is the flip map right, and does synthetic data lift a model on real frames?

After "Synthetic pre-training experiment (Phase 0)" of kiselyovd/vehicle-keypoints.
"""

from collections.abc import Sequence

from synmix.study.experiments import Cell, Experiment, Study, training
from synmix.study.runs import Run
from synmix.study.scale import Scale
from vehicle_keypoints.published import PUBLISHED, TITLES
from vehicle_keypoints.result import FIGURES

REAL, SYNTHETIC = "carfusion_14pt_test", "citysample_24pt_test"
#: Arm -> its config under ``configs/vehicle_keypoints``.
ARMS = {
    "identity_flip": "carfusion_14pt_identity_flip.yaml",
    "corrected_flip": "carfusion_14pt.yaml",
    "synthetic_only": "citysample_24pt.yaml",
    "arm_b": "arm_b_control.yaml",
    "arm_a": "arm_a_mixed.yaml",
}
#: Figures by the names that people read.
FIGURE_TITLES = {"AP": "OKS-mAP", "box-AP50": "box AP50", "PCK@0.05-original": "PCK as the original counts it"}


def arm(scale: Scale, name: str) -> Run:
    """The run of an arm."""
    return training(scale, f"vehicle_keypoints/{ARMS[name]}")


def judged_on(name: str) -> str:
    """On what an arm is judged."""
    return SYNTHETIC if name == "synthetic_only" else REAL


def flip(scale: Scale) -> Experiment:
    """What the flip map is worth."""
    return _experiment("flip", "The flip map: identity, and what the points' names imply", scale, ARMS_OF_FLIP)


def synthetic_only(scale: Scale) -> Experiment:
    """How learnable the synthetic labels are."""
    title = "Synthetic frames alone, on held-out synthetic frames"
    return _experiment("synthetic_only", title, scale, ("synthetic_only",))


def kill_switch(scale: Scale) -> Experiment:
    """Synthetic frames added to 100 real ones."""
    title = "The kill switch: 100 real frames, and the same with the synthetic ones"
    return _experiment("kill_switch", title, scale, ("arm_b", "arm_a"))


ARMS_OF_FLIP = ("identity_flip", "corrected_flip")
STUDY = Study(
    "Vehicle keypoints: the flip map and the kill switch",
    {build.__name__: build for build in (flip, synthetic_only, kill_switch)},
    "vehicle_keypoints.report",
)


def _experiment(name: str, title: str, scale: Scale, arms: Sequence[str]) -> Experiment:
    cells = tuple(
        Cell(
            TITLES[key], FIGURE_TITLES.get(figure, figure), arm(scale, key), judged_on(key),
            PUBLISHED[key].get(figure), figure,
        )
        for key in arms
        for figure in FIGURES
    )  # fmt: skip
    return Experiment(name, title, "-", cells, tuple(scale.grid["seeds"]), ("arm", "figure"))

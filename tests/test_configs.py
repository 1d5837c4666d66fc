"""Every config loads, and every training of the paper has its numbers (paper 3.3, 4.1 to 4.3)."""

from pathlib import Path

import pytest
import yaml

from synmix.compose.budget import resolve_schedule
from synmix.compose.composition import CompositionSpec
from synmix.config import CONFIGS, load_config
from synmix.errors import UserError

NUMBERED = ("cityscapes", "synscapes_3k", "synscapes_20k", "synscapes_20k_removal", "mixture", "mixture_all_labels")
FINETUNED = ("finetune", "finetune_best", "finetune_best_all_labels")
REAL, SYNTHETIC = "cityscapes_instance_train", "synscapes_instance_train"
REMOVED = {"default": 30, "person": 60}
R50 = "detectron2://ImageNetPretrained/MSRA/R-50.pkl"
BASELINE = (24000, (18000, 22000))  # 3.3


def yaml_files() -> list[Path]:
    """Detectron2's; Hydra's and other files beside them are tested where they are used."""
    return sorted(
        path for path in CONFIGS.rglob("*.yaml") if {"_BASE_", "MODEL"} & set(yaml.safe_load(path.read_text()))
    )


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_config_loads_and_overrides_only_known_keys(path):
    load_config(path)
    assert isinstance(yaml.safe_load(path.read_text()), dict)


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_config_that_trains_has_a_sound_composition(path):
    cfg = load_config(path)
    if cfg.DATASETS.TRAIN:
        CompositionSpec.from_config(cfg)


#: config -> images of an epoch, iterations and drops, data sets, removal, first weights, published AP (real, synthetic)
PAPER = {
    "cityscapes": (2975, BASELINE, (REAL,), {}, R50, (35.7, 11.8)),
    "synscapes_3k": (2975, BASELINE, (SYNTHETIC,), {}, R50, (12.9, 31.6)),
    "synscapes_20k": (20000, (250000, (187500, 229167)), (SYNTHETIC,), {}, R50, (14.9, 38.6)),
    "synscapes_20k_removal": (20000, (250000, (187500, 229167)), (SYNTHETIC,), REMOVED, R50, (14.2, 42.0)),
    "mixture": (22975, (143594, (107696, 131628)), (REAL, SYNTHETIC), REMOVED, R50, (40.9, 41.0)),
    "mixture_all_labels": (22975, (143594, (107696, 131628)), (REAL, SYNTHETIC), {}, R50, (38.9, 38.6)),
    "finetune": (2975, BASELINE, (REAL,), {}, "output/synscapes_20k_removal/model_final.pth", (38.0, 19.7)),
    "finetune_best": (2975, BASELINE, (REAL,), {}, "output/synscapes_20k_removal/model_final.pth", (39.6, 29.6)),
    "finetune_best_all_labels": (2975, BASELINE, (REAL,), {}, "output/synscapes_20k/model_final.pth", (37.6, 28.7)),
}


@pytest.mark.parametrize("name", PAPER)
def test_a_training_of_the_paper(name):
    images, schedule, data_sets, removal, weights, published = PAPER[name]
    cfg = load_config(CONFIGS / f"{name}.yaml")
    resolve_schedule(cfg, images)
    assert (cfg.SOLVER.MAX_ITER, tuple(cfg.SOLVER.STEPS)) == schedule
    assert tuple(cfg.DATASETS.TRAIN) == data_sets
    assert {key: value for key, value in cfg.DATASETS.REMOVAL.items() if value} == removal
    assert weights == cfg.MODEL.WEIGHTS
    assert cfg.SOLVER.IMS_PER_BATCH == 8  # 4 GPUs x 2 images
    assert tuple(cfg.DATASETS.TEST) == ("cityscapes_instance_val", "synscapes_instance_val")
    assert {entry[0]: entry[2] for entry in cfg.TEST.PUBLISHED} == dict(zip(cfg.DATASETS.TEST, published, strict=True))
    rates = (0.005, 0.0) if name.startswith("finetune_best") else (0.01, 0.9)
    assert (*rates, 0.1) == (cfg.SOLVER.BASE_LR, cfg.SOLVER.MOMENTUM, cfg.SOLVER.GAMMA)
    assert (cfg.MODEL.RESNETS.DEPTH, cfg.MODEL.ROI_MASK_HEAD.NAME) == (50, "SynMixPointRendMaskHead")
    assert cfg.INPUT.MIN_SIZE_TRAIN[0] == 800
    assert (max(cfg.INPUT.MIN_SIZE_TRAIN), cfg.INPUT.MAX_SIZE_TRAIN) == (1024, 2048)


def test_the_ratio_is_of_2975_images():
    cfg = load_config(CONFIGS / "ratio.yaml")
    assert (cfg.DATASETS.TOTAL_IMAGES, cfg.SOLVER.MAX_ITER) == (2975, 24000)


def test_every_numbered_training_is_checked():
    assert {*NUMBERED, *FINETUNED} == set(PAPER)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["SOLVER.BASELR", "1"], "Did you mean 'SOLVER.BASE_LR'"),
        (["SOLVER.BASE_LR", "fast"], "SOLVER.BASE_LR"),
        (["SOLVER.BASE_LR"], "has no partner"),
        (["MODEL.NOTHING.LIKE.IT", "1"], "unknown key"),
    ],
)
def test_mistakes_on_the_command_line(options, sentence):
    with pytest.raises(UserError, match=sentence):
        load_config("", options)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SOLVR:\n  BASE_LR: 1\n", "unknown key 'SOLVR'.*Did you mean 'SOLVER'"),
        ("SOLVER: [1\n", "cannot be read"),
        ("- 1\n", "cannot be read"),
        ("SOLVER:\n  BASE_LR: fast\n", "SOLVER.BASE_LR|BASE_LR"),
        ("_BASE_: nowhere.yaml\n", r"based on '.*nowhere\.yaml', which does not exist"),
        ("", "cannot be read"),
    ],
)
def test_mistakes_in_a_file(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        load_config(tmp_path / "config.yaml")


def test_a_file_that_is_not_there():
    with pytest.raises(UserError, match=r"does not exist.*cityscapes\.yaml"):
        load_config(CONFIGS / "cityscape.yaml")


def test_a_class_of_another_data_set_can_be_removed():
    cfg = load_config("", ["DATASETS.REMOVAL.vehicle", "20"])
    assert cfg.DATASETS.REMOVAL.vehicle == 20

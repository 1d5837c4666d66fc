"""Every config loads, and every training of the paper has its numbers (paper 3.3, 4.1 to 4.3)."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from synmix.compose.budget import resolve_schedule
from synmix.compose.composition import CompositionSpec
from synmix.config import CONFIGS, build_model, config_chain, get_config, load_config
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
        ("SOLVER: &a\n  SOLVER: *a\n", "unknown key 'SOLVER.SOLVER'"),
        ("SOLVER:\n  MAX_ITER: 1\n  MAX_ITER: 2\n", "the key 'MAX_ITER' stands twice"),
        ("SOLVER:\n", "'SOLVER' in config .* is a group of keys"),
        ("SOLVER: 3\n", "'SOLVER' in config .* is a group of keys"),
        ("SOLVER:\n  MAX_ITER:\n    A: 1\n", r"SOLVER.MAX_ITER is \{'A': 1\} in config"),
        ("SOLVER:\n  MAX_ITER: 2020-01-01\n", "SOLVER.MAX_ITER is datetime"),
        ("SOLVER:\n  MAX_ITER: 2020-13-45\n", "cannot be read"),
        ("SOLVER:\n  MAX_ITER: !!bool x\n", "cannot be read"),
        ("SOLVER:\n  MAX_ITER: !!python/object/apply:os.getcwd []\n", "a YAML tag that would run code"),
        ("? [1]\n: 2\n", "cannot be read|unknown key"),
        ("1: 2\n", "unknown key '1'"),
        ("'': 2\n", "unknown key ''"),
        ("[" * 5000, "cannot be read"),
        ("_BASE_: 3\n", "_BASE_ of config .* is 3; give a file"),
        ("_BASE_: [a.yaml, [b.yaml]]\n", "based on|is .'b.yaml'."),
        ("_BASE_: .\n", "does not exist"),
        (f"_BASE_: {'x' * 5000}\n", "does not exist"),
        ("_BASE_: ~nobody/of/this/name.yaml\n", "does not exist"),
        ("MODEL:\n  META_ARCHITECTURE: GeneralizedRCN\n", "Did you mean 'GeneralizedRCNN'"),
        ("MODEL:\n  DEVICE: gpu\n", "MODEL.DEVICE is 'gpu'"),
        ("SOLVER:\n  KEEP_CHECKPOINTS: -1\n", "SOLVER.KEEP_CHECKPOINTS is -1 in config .*; give a whole number from 0"),
        ("SOLVER:\n  BASE_LR: .nan\n", "SOLVER.BASE_LR is nan"),
        ("SOLVER:\n  EPOCHS: .inf\n", "SOLVER.EPOCHS is inf"),
        (
            "DATASETS:\n  REMOVAL:\n    person: 101\n",
            "DATASETS.REMOVAL.person is 101 in .*; give a number from 0 to",
        ),
        ("IMPORTS: [no_such_module]\n", "IMPORTS names 'no_such_module', which cannot be imported"),
        ("IMPORTS: [os; print(1)]\n", "IMPORTS is"),
        ("IMPORTS: vehicle_keypoints\n", "IMPORTS is 'vehicle_keypoints'"),
    ],
)
def test_mistakes_in_a_file(tmp_path, text, sentence):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize("chain", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_base_of_itself(tmp_path, chain):
    for name, base in zip(chain, [*chain[1:], "a"], strict=True):
        (tmp_path / f"{name}.yaml").write_text(f"_BASE_: {base}.yaml\n")
    (tmp_path / "a.yaml").write_text((tmp_path / "a.yaml").read_text() + "SEED: 1\n")
    with pytest.raises(UserError, match=r"goes in a circle: '.*a\.yaml' -> .*'.*a\.yaml'"):
        load_config(tmp_path / "a.yaml")


def test_a_base_is_one_of_the_projects_where_none_lies_beside(tmp_path):
    (tmp_path / "mine.yaml").write_text("_BASE_: mini.yaml\nSEED: 3\n")
    assert load_config(tmp_path / "mine.yaml").SOLVER.MAX_ITER == load_config("mini.yaml").SOLVER.MAX_ITER
    (tmp_path / "mini.yaml").write_text("SOLVER: {MAX_ITER: 7}\n")
    assert load_config(tmp_path / "mine.yaml").SOLVER.MAX_ITER == 7


def test_several_bases_merge_in_order_and_the_file_itself_last(tmp_path):
    (tmp_path / "one.yaml").write_text("SEED: 1\nSOLVER: {MAX_ITER: 1, BASE_LR: 1}\n")
    (tmp_path / "two.yaml").write_text("SEED: 2\nSOLVER: {MAX_ITER: 2}\n")
    (tmp_path / "three.yaml").write_text("_BASE_: [one.yaml, two.yaml]\nSEED: 3\n")
    chain = config_chain(tmp_path / "three.yaml")
    assert [file.path.name for file in chain] == ["one.yaml", "two.yaml", "three.yaml"]
    assert chain[-1].values == {"SEED": 3}
    cfg = load_config(tmp_path / "three.yaml", ["SEED", "4"])
    assert (cfg.SEED, cfg.SOLVER.MAX_ITER, cfg.SOLVER.BASE_LR) == (4, 2, 1.0)


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_equal_to_detectron2s_own_loading(path):
    """But for the defaults of keys that files write without a fraction, and lists for tuples."""
    cfg = get_config()
    cfg.merge_from_file(str(path), allow_unsafe=False)
    assert load_config(path) == cfg


def test_a_config_by_its_name_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config("mini.yaml") == load_config(CONFIGS / "mini.yaml")
    (tmp_path / "mini.yaml").write_text("SEED: 5\n")
    assert load_config("mini.yaml").SEED == 5


def test_a_plugin_registers_what_the_config_names(tmp_path, monkeypatch):
    module = tmp_path / "some_plugin.py"
    module.write_text(
        "from detectron2.modeling import BACKBONE_REGISTRY\n"
        "@BACKBONE_REGISTRY.register()\ndef build_some_plugins_backbone(cfg, shape): raise ValueError('not today')\n"
    )
    config = tmp_path / "config.yaml"
    config.write_text("MODEL: {DEVICE: cpu, BACKBONE: {NAME: build_some_plugins_backbone}}\n")
    with pytest.raises(UserError, match=r"MODEL\.BACKBONE\.NAME is 'build_some_plugins_backbone'"):
        load_config(config)
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = load_config(config, ["IMPORTS", "['some_plugin']"])
    assert load_config(config, imports=["some_plugin"]).IMPORTS == cfg.IMPORTS == ["some_plugin"]
    with pytest.raises(UserError, match=r"cannot be built \(ValueError: not today\)"):
        build_model(cfg)


def test_the_keypoint_configs_bring_their_data_sets_and_evaluator():
    code = (
        "from synmix.config import load_config; load_config('vehicle_keypoints/mini.yaml')\n"
        "from synmix.train.trainer import EVALUATORS; from synmix.data.sources import source\n"
        "print('vehicle_keypoints' in EVALUATORS, source('mini_carfusion_14pt_train').domain)"
    )
    made = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.split() == ["True", "real"]


def test_the_wheel_brings_the_configs(tmp_path):
    root = CONFIGS.parent
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(root / "projects", source / "projects", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(CONFIGS, source / "configs")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source / name)
    build = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=source, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    shipped = {path.relative_to(site / "synmix/configs") for path in (site / "synmix/configs").rglob("*.yaml")}
    assert shipped == {path.relative_to(CONFIGS) for path in CONFIGS.rglob("*.yaml")}
    code = (
        "from synmix.config_files import CONFIGS, config_path\n"
        "print(CONFIGS, config_path('mini.yaml'), config_path('configs/mini.yaml'))"  # as help texts name it
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(site / "synmix/configs"), *[str(site / "synmix/configs/mini.yaml")] * 2]


def test_a_file_that_is_not_there():
    with pytest.raises(UserError, match=r"does not exist.*cityscapes\.yaml"):
        load_config(CONFIGS / "cityscape.yaml")


def test_a_class_of_another_data_set_can_be_removed():
    cfg = load_config("", ["DATASETS.REMOVAL.vehicle", "20"])
    assert cfg.DATASETS.REMOVAL.vehicle == 20

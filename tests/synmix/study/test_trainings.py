"""The table of trainings that were made one by one."""

import json
import logging

import pytest
from tests.synmix.conftest import draw_table

from synmix.answer import Cell, answer
from synmix.config import load_config
from synmix.errors import UserError
from synmix.evaluate.result import make_result, write_result
from synmix.study.trainings import read_trainings

REAL, DRAWN = "mini_cityscapes_instance_train", "mini_synscapes_instance_train"
ON = "mini_cityscapes_instance_val"


@pytest.fixture
def trained(tmp_path):
    """A function that makes the folder of a finished training, without the training."""

    def make(name: str, seed: int, skill: float, synthetic: int = 0, options: tuple = (), data_set: str = ON):
        folder = tmp_path / name
        (folder / "results").mkdir(parents=True)
        sets = [REAL, DRAWN] if synthetic else [REAL]
        cfg = load_config("mini.yaml", ["SEED", seed, "OUTPUT_DIR", str(folder), "DATASETS.TRAIN", sets, *options])
        (folder / "config.yaml").write_text(cfg.dump())
        parts = [
            {"domain": "real", "images": 160, "repeat": 1},
            {"domain": "synthetic", "images": synthetic, "repeat": 1},
        ]
        (folder / "manifest.json").write_text(json.dumps({"data_sets": parts, "seed": 7}))
        (folder / "model_final.pth").touch()
        result = make_result(data_set, draw_table(skill, 7 * abs(seed) + synthetic, 40), resamples=50)
        write_result(folder / "results" / f"{data_set}.json", result)
        return folder

    return make


def test_trainings_answer_with_the_images_share(trained):
    folders = [trained(f"alone_{seed}", seed, 0.4) for seed in range(3)]
    folders += [trained(f"mixed_{seed}", seed, 0.7, 320) for seed in range(3)]
    table = read_trainings(folders)
    assert set(table.cells) == {Cell(160, 0, 800), Cell(160, 320, 800)}
    found = answer(table)
    assert found.verdict == "helps" and found.gain.seeds == 3
    assert found.table.trainings[0].image_se > 0 and table.hours_per_iteration is None
    assert answer(read_trainings(folders, keep=lambda row: row["seed"] != "2")).gain.seeds == 2


def test_what_cannot_be_compared_is_named_and_left_out(trained, caplog):
    folders = [trained(f"alone_{seed}", seed, 0.4) for seed in range(2)]
    folders += [trained(f"mixed_{seed}", seed, 0.5, 320) for seed in range(2)]
    folders.append(trained("other", 2, 0.9, 320, ("SOLVER.BASE_LR", 0.01)))
    folders.append(trained("kept_all", 2, 0.9, 320, ("DATASETS.REMOVAL.default", 0.0)))
    with caplog.at_level(logging.WARNING):
        assert len(read_trainings(folders).trainings) == 4
    first, second = (record.getMessage() for record in caplog.records)
    assert "other': it differs from the others in SOLVER.BASE_LR" in first
    assert "kept_all': it differs from the others in DATASETS.REMOVAL.default" in second


def test_a_seed_that_was_drawn_is_the_manifest_s(trained):
    table = read_trainings([trained("a", -1, 0.4), trained("b", 0, 0.5, 320)])
    assert {training.seed for training in table.trainings} == {7, 0}


def test_folders_that_are_no_finished_training(trained, tmp_path):
    alone, mixed = trained("alone", 0, 0.4), trained("mixed", 0, 0.5, 320)
    with pytest.raises(UserError, match="holds no training; name the OUTPUT_DIR"):
        read_trainings([alone, tmp_path])
    (mixed / "model_final.pth").unlink()
    with pytest.raises(UserError, match="has not ended, or was not evaluated"):
        read_trainings([alone, mixed])

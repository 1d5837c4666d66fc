"""The demo on a miniature of 15 frames and two iterations: stopped anywhere it goes on, nothing is done twice."""

import os
import runpy
import signal
import sys

import pytest

from miniature.streets import write
from synmix import demo
from synmix.config_files import CONFIGS
from synmix.errors import UserError
from synmix.files import write_json
from synmix.harmonize import prepare
from synmix.train.trainer import SynMixTrainer

TINY = {"seed": 0, "height": 64, "width": 128, "density": 1.0, "images": ["rgb"]}
FRAMES = {"train": 4, "val": 2, "test": 1, "synthetic": 8}
#: Stage -> whose call gets a signal, and which call of it.
STAGES = {
    "drawing": (write, "_write_frame", 3),
    "harmonising": (prepare, "prepare_frame", 2),
    "training": (SynMixTrainer, "run_step", 1),
    "evaluating": (SynMixTrainer, "_evaluate", 1),
    "the untrained": (demo.run, "evaluate", 1),
}


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls tools/demo.py in this process; gives its exit code."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "data"))
    write_json(tmp_path / "data/mini/mini.json", {"version": write._VERSION, **TINY, "frames": FRAMES})
    config = tmp_path / "tiny.yaml"
    base = f"_BASE_: {CONFIGS / 'mini.yaml'}\n"
    config.write_text(base + "SOLVER: {MAX_ITER: 2, IMS_PER_BATCH: 2}\nTEST: {BOOTSTRAP: {RESAMPLES: 10}}\n")

    def call(*arguments: str) -> int:
        command = ["demo.py", "--config-file", str(config), "--output", str(tmp_path / "output"), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(CONFIGS.parent / "tools/demo.py"), run_name="__main__")
        return int(stop.value.code or 0)

    return call


def test_stopped_in_every_stage_it_goes_on_and_a_finished_one_is_reused(call, tmp_path, monkeypatch, capfd):
    calls = dict.fromkeys(STAGES, 0)
    for number, (stage, (owner, name, which)) in enumerate(STAGES.items()):
        original = getattr(owner, name)

        def counted(*args, stage=stage, which=which, original=original, number=number, **kwargs):
            calls[stage] += 1
            if calls[stage] == which:
                os.kill(os.getpid(), (signal.SIGINT, signal.SIGTERM)[number % 2])
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)
        assert call() == 130, stage
        assert "interrupted; the next call goes on" in capfd.readouterr().err, stage
    assert call() == 0
    assert calls["drawing"] == sum(FRAMES.values()) + 1  # the one that was stopped is drawn anew
    assert calls["harmonising"] == FRAMES["synthetic"] + 1
    assert calls["training"] == 2 and calls["evaluating"] == 2  # the one that was stopped is made up for
    _only_the_page_is_made_again(call, tmp_path / "output", monkeypatch, capfd)


def _only_the_page_is_made_again(call, output, monkeypatch, capfd):
    page, picture = output / "index.html", output / "predictions.png"
    before = page.read_text(), picture.stat().st_mtime_ns
    monkeypatch.setattr(demo, "run", None)  # nothing is trained, evaluated or loaded
    assert call() == 0
    assert "AP50" in capfd.readouterr().err
    page.unlink()
    assert call() == 0
    assert (page.read_text(), picture.stat().st_mtime_ns) == before


def test_another_demos_output_is_not_taken_for_its_own(tmp_path):
    write_json(tmp_path / "demo.json", {"config": "other", "miniature": {}})
    mine = demo.Demo(CONFIGS / "mini.yaml", tmp_path)
    with pytest.raises(UserError, match="another config or miniature"):
        demo._claim(mine, mine.load("trained"))

"""The demo on a miniature of 15 frames and two iterations: stopped anywhere it goes on, nothing is done twice."""

import multiprocessing
import os
import runpy
import signal
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from tests.pages import check_page
from tests.synmix.evaluate.test_bootstrap import random_table

from miniature.streets import write
from synmix.answer import read_table
from synmix.cli.results import write_result_json
from synmix.config_files import CONFIGS
from synmix.demo import Demo, chain, page
from synmix.demo.arms import CONTROL, MIXTURE, Arm
from synmix.demo.verdict import reach_verdict
from synmix.errors import UserError
from synmix.evaluate.result import make_result, result_path, write_result
from synmix.files import read_json, write_json
from synmix.neutral import numbers_of

TINY = {"seed": 0, "height": 64, "width": 128, "density": 1.0, "images": ["rgb"]}
FRAMES = {"train": 4, "val": 2, "test": 1, "synthetic": 8}
ITERATIONS = 2
#: Stage -> whose call gets a signal, and which call of it; those of the trainings' processes are PLUGIN's.
HARMONISING = import_module("synmix.harmonize.prepare")  # the room's face has the function under this name
STAGES = {"drawing": (write, "_write_frame", 3), "harmonising": (HARMONISING, "prepare_frame", 2)}
#: In a training's process: notes its calls, and does once in the real images' training what the file "do" says.
PLUGIN = """
import hashlib, multiprocessing, os, signal, time
from pathlib import Path
from synmix.errors import UserError
from synmix.train import signals
from synmix.train.trainer import SynMixTrainer

def act(stage, side):
    wish = Path(FOLDER, "do")
    if side != "real_only" or not wish.exists() or not wish.read_text().startswith(stage + " "):
        return
    what = wish.read_text().split()[1]
    wish.unlink()
    if what == "fail":
        raise UserError("the plugin would not train")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    os.kill(multiprocessing.parent_process().pid, int(what))
    while not signals._current.signal:  # which the demo passes on
        time.sleep(0.01)

def noting(name):
    original = getattr(SynMixTrainer, name)
    def noted(self, *args):
        side = Path(self.cfg.OUTPUT_DIR).parent.name
        weights = b"".join(value.numpy().tobytes() for value in self.model.state_dict().values())
        with Path(FOLDER, "calls").open("a") as calls:
            calls.write(f"{name} {side} {self.iter} {hashlib.sha256(weights).hexdigest()}\\n")
        act(name, side)
        return original(self, *args)
    setattr(SynMixTrainer, name, noted)

if multiprocessing.parent_process():
    noting("run_step"), noting("_evaluate")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a tiny miniature's note, a config and its plugin."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "data"))
    write_json(tmp_path / "data/mini/mini.json", {"version": write._VERSION, **TINY, "frames": FRAMES})
    (tmp_path / "demos_plugin.py").write_text(f"FOLDER = {str(tmp_path)!r}\n{PLUGIN}")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = {
        "_BASE_": str(CONFIGS / "demo.yaml"),
        "SOLVER": {"MAX_ITER": ITERATIONS, "IMS_PER_BATCH": 2},
        "TEST": {"BOOTSTRAP": {"RESAMPLES": 10}},
        "LOG": {"PICTURES": 0},
        "IMPORTS": ["demos_plugin"],
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


@pytest.fixture
def call(folder, monkeypatch):
    """Calls tools/demo.py in this process; gives its exit code."""

    def call(*arguments: str) -> int:
        files = ["--config-file", str(folder / "tiny.yaml"), "--output", str(folder / "output")]
        monkeypatch.setattr(sys, "argv", ["demo.py", *files, *arguments])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(CONFIGS.parent / "tools/demo.py"), run_name="__main__")
        return int(stop.value.code or 0)

    return call


def noted(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "calls").read_text().splitlines()]


@pytest.mark.slow
def test_stopped_in_every_stage_it_goes_on_and_a_finished_one_is_reused(call, folder, monkeypatch, capfd):
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
    for stage, number in (("run_step", signal.SIGINT), ("_evaluate", signal.SIGTERM)):
        (folder / "do").write_text(f"{stage} {int(number)}")
        assert call() == 130, stage
        assert "interrupted; the next call goes on" in capfd.readouterr().err, stage
        assert not (folder / "do").exists() and not multiprocessing.active_children()
    assert call() == 0
    assert calls["drawing"] == sum(FRAMES.values()) + 1  # the one that was stopped is drawn anew
    assert calls["harmonising"] == FRAMES["synthetic"] + 1
    _each_step_once_from_equal_weights(folder)
    _only_the_page_is_made_again(call, folder / "output", monkeypatch, capfd)


def _each_step_once_from_equal_weights(folder):
    steps = [(side, int(iteration)) for name, side, iteration, _ in noted(folder) if name == "run_step"]
    assert sorted(steps) == [(side, i) for side in ("real_and_synthetic", "real_only") for i in range(ITERATIONS)]
    first = {
        side: weights for name, side, iteration, weights in noted(folder) if (name, iteration) == ("run_step", "0")
    }
    last = {side: weights for name, side, iteration, weights in noted(folder) if name == "_evaluate"}
    assert first["real_only"] == first["real_and_synthetic"] and last["real_only"] != last["real_and_synthetic"]
    scored = Counter(side for name, side, *_ in noted(folder) if name == "_evaluate")
    assert scored["real_only"] == 2  # the one that was stopped is made up for


def _only_the_page_is_made_again(call, output, monkeypatch, capfd):
    index, picture = output / "index.html", output / "predictions.png"
    before = index.read_text(), picture.stat().st_mtime_ns
    for module, name in ((chain, "run"), (chain, "train_side_by_side"), (page, "run")):
        monkeypatch.setattr(module, name, None)  # nothing is trained, evaluated or loaded
    assert call() == 0
    said = " ".join(capfd.readouterr().err.split())
    assert "AP50" in said and "Whether synthetic images help is open." in said and "demo.py --num-seeds 3" in said
    index.unlink()
    assert call() == 0
    assert (index.read_text(), picture.stat().st_mtime_ns) == before
    for name in ("index.html", "answer.html"):
        check_page((output / name).read_text())
    cells = [(run.cell, run.seed) for run in read_table(output / "results.csv").trainings]
    assert cells == [((4, 0, ITERATIONS), 0), ((4, 6, ITERATIONS), 0)]  # one synthetic frame has no label


@pytest.mark.parametrize(("what", "sentence"), [("fail", "the plugin would not train"), ("die", "was killed")])
def test_where_one_training_fails_the_other_is_saved_and_ended(call, folder, capfd, what, sentence):
    (folder / "do").write_text(f"run_step {what}")
    assert call() == 2
    assert sentence in " ".join(capfd.readouterr().err.split())
    assert not multiprocessing.active_children()
    assert call() == 0
    steps = Counter((side, iteration) for name, side, iteration, _ in noted(folder) if name == "run_step")
    assert steps["real_and_synthetic", "0"] == steps["real_and_synthetic", "1"] == 1


def test_the_sides_differ_only_in_what_they_are_trained_on(tmp_path):
    control, mixture = Demo(CONFIGS / "demo.yaml", tmp_path).pair(1)
    one, other = (numbers_of(yaml.safe_load(arm.cfg.dump())) for arm in (control, mixture))
    assert {key for key in one if one[key] != other[key]} == {"DATASETS.TRAIN"}
    assert one["DATASETS.TRAIN"] == ["mini_cityscapes_instance_train"] and one["SEED"] == 1
    assert control.cfg.OUTPUT_DIR != mixture.cfg.OUTPUT_DIR


@pytest.mark.parametrize(
    "keys",
    [
        "DATASETS: {TRAIN: [mini_synscapes_instance_train]}",
        "DATASETS: {TRAIN: [mini_cityscapes_instance_train]}",
        "SOLVER: {EPOCHS: 2}",
        "DATASETS: {TOTAL_IMAGES: 8, REAL_SHARE: 50}",
    ],
)
def test_what_cannot_be_compared_at_equal_iterations_is_refused(tmp_path, keys):
    (tmp_path / "other.yaml").write_text(f"_BASE_: {CONFIGS / 'demo.yaml'}\n{keys}\n")
    with pytest.raises(UserError, match="no mixture to compare with its real images alone"):
        _ = Demo(tmp_path / "other.yaml", tmp_path).pair(0)[0].cfg


def test_counts_of_images_are_those_of_the_real_sets(tmp_path):
    (tmp_path / "other.yaml").write_text(f"_BASE_: {CONFIGS / 'demo.yaml'}\nDATASETS: {{IMAGES: [3, 5]}}\n")
    control, mixture = Demo(tmp_path / "other.yaml", tmp_path).pair(0)
    assert (tuple(control.cfg.DATASETS.IMAGES), tuple(mixture.cfg.DATASETS.IMAGES)) == ((3,), (3, 5))


@pytest.mark.parametrize(
    ("seeds", "skill", "verdict"),
    [(3, 0.8, "helps"), (3, 0.2, "does not help"), (1, 0.8, "open"), (3, 0.5, "open")],
)
def test_the_verdict_is_that_of_the_paired_comparison(tmp_path, seeds, skill, verdict):
    """Also with a gain as large as any, one training a side leaves it open."""
    config = tmp_path / "one_look.yaml"
    config.write_text(f"_BASE_: {CONFIGS / 'demo.yaml'}\nDATASETS: {{TEST: [mini_cityscapes_instance_val]}}\n")
    demo = Demo(config, tmp_path, seeds)
    for arms, side_skill in zip(demo.sides.values(), (0.5, skill), strict=True):
        for arm in arms:
            _pretend(arm, side_skill)
    found = reach_verdict(demo.sides, tmp_path / "results.csv")
    gain = found.looks[0].gains["AP"]
    assert (found.answer.verdict, gain.open) == (verdict, seeds == 1)
    assert ("--num-seeds 3" in found.sentences[2]) == (seeds == 1)
    if seeds > 1:
        estimate = found.answer.gain.estimate
        ours = (estimate.value, *estimate.interval())
        assert ours == pytest.approx((gain.value, gain.low, gain.high), abs=0.02)
    write_result_json(tmp_path / "demo.json", found.as_json())
    shown = read_json(tmp_path / "demo.json")
    assert shown["answer"]["verdict"] == verdict
    assert shown["looks"][0]["AP"]["gain"]["value"] == gain.value
    text = " ".join(cell for column in page.table_of(demo, found).columns for cell in column.cells)
    assert f"{gain.value:+.1f} [".replace("-", "\N{MINUS SIGN}") in text


def _pretend(arm: Arm, skill: float) -> None:
    """Results as if it had been trained."""
    counts = {"real": 160, **({"synthetic": 864} if arm.side == MIXTURE else {})}
    assert arm.side in (CONTROL, MIXTURE)
    parts = [{"domain": domain, "images": count, "repeat": 1} for domain, count in counts.items()]
    write_json(arm.output / "manifest.json", {"data_sets": parts})
    for name in arm.cfg.DATASETS.TEST:
        table = random_table(10 * arm.seed + (arm.side == MIXTURE), skill)
        write_result(result_path(arm.output, name), make_result(name, table, 200))


def test_another_demos_output_is_not_taken_for_its_own(tmp_path):
    write_json(tmp_path / "demo.json", {"config": "other", "miniature": {}})
    with pytest.raises(UserError, match="another config or miniature"):
        chain._claim(Demo(CONFIGS / "demo.yaml", tmp_path))

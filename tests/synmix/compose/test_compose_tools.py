"""The tools as a user calls them, on invented tables and on the drawn miniature."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from synmix.compose.pictures import removal_curves, removal_sheet, size_distributions
from synmix.compose.thresholds import match_sizes
from synmix.data import sources


@pytest.fixture
def call(call_tool):
    return call_tool


@pytest.fixture
def mini(mini_root, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))


@pytest.mark.parametrize(
    "budget",
    [
        ("--iterations", 80_000),
        ("--gpu-hours", 40, "--num-gpus", 4, "--seconds-per-iteration", 0.45),
        ("--epochs", 215.127),
    ],
)
def test_plan_answers_the_papers_example_from_any_budget(call, budget):
    code, text, _ = call("plan", *budget)
    assert code == 0
    assert "2,975 real + 9,825 synthetic" in text and "9,800 synthetic ones" in text
    assert "39.3" in text and "DATASETS.IMAGES '(2975, 9825)'" in text


def test_plan_takes_the_seconds_of_a_run(call, tmp_path):
    metrics = tmp_path / "metrics.json"
    metrics.write_text("\n".join(json.dumps({"iteration": i, "time": t}) for i, t in enumerate((9, 0.45, 0.45))))
    code, text, _ = call("plan", "--gpu-hours", 40, "--num-gpus", 4, "--metrics", metrics)
    assert code == 0 and "80,000 iterations" in text and "10.0 hours on 4 GPUs (40.0 GPU-hours)" in text


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--iterations", 0), "argument --iterations: '0' is not possible"),
        (("--gpu-hours", 1), "--gpu-hours needs --seconds-per-iteration"),
        (("--gpu-hours", 1, "--metrics", "/nowhere/metrics.json"), "'/nowhere/metrics.json' does not exist"),
        (("--iterations", 5, "--real-images", 0), "argument --real-images: '0' is not possible"),
    ],
)
def test_plan_says_what_is_wrong(call, arguments, sentence):
    code, _, error = call("plan", *arguments)
    assert code == 2 and sentence in error and "Traceback" not in error


def test_compose_prints_writes_and_compares(call, mini, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("DATASETS: {TRAIN: [mini_cityscapes_instance_train, mini_synscapes_instance_train]}\n")
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    code, text, _ = call("compose", "--config-file", config, "--json", paths[0])
    assert code == 0 and "images an epoch" in text and "effective" in text
    code, text, _ = call("compose", "--config-file", config, "--json", paths[1], "DATASETS.REMOVAL.default", "50")
    assert code == 0
    code, text, _ = call("compose", "--compare", *paths, "--json", tmp_path / "compared.json")
    compared = json.loads((tmp_path / "compared.json").read_text())
    assert not compared["equal"] and all(phrase in text for phrase in compared["differences"])
    assert code == 1 and "percent 0.0 -> 50.0" in text and "different training sets" in text
    assert call("compose", "--compare", paths[0], paths[0])[0] == 0
    assert call("compose")[0] == 2


def test_another_process_chooses_the_same(mini):
    code = (
        "from synmix.compose.composition import CompositionSpec, compose\n"
        "sets = ('mini_cityscapes_instance_train', 'mini_synscapes_instance_train')\n"
        "spec = CompositionSpec(sets, total_images=9, real_share=30, removal={'default': 40})\n"
        "print(compose(spec).manifest()['checksum'])"
    )
    answers = {
        subprocess.check_output([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, text=True)
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_match_prints_keys_and_draws(call, mini, tmp_path):
    plot = tmp_path / "match.png"
    names = "--real", "mini_cityscapes_instance_train", "--synthetic", "mini_synscapes_instance_train"
    code, text, _ = call("choose_removal", "match", *names, "--chart", plot)
    assert code == 0 and "DATASETS.REMOVAL.default" in text and "person" in text
    assert Image.open(plot).width > 1000


def test_sweep_finds_the_knee_of_each_class(call, tmp_path):
    arguments = []
    for percent in range(0, 100, 10):
        path = tmp_path / f"{percent}.json"
        knees = {"person": 60, "car": 30, "truck": 30, "bus": 90}
        values = {name: {"AP": 30 - 0.5 * max(0, percent - knee)} for name, knee in knees.items()}
        path.write_text(json.dumps({"classes": {**values, "train": {"AP": None}}}))
        arguments.append(f"{percent}={path}")
    code, text, _ = call("choose_removal", "sweep", *arguments, "--chart", tmp_path / "sweep.svg")
    assert code == 0
    assert "DATASETS.REMOVAL.default 30 DATASETS.REMOVAL.person 60 DATASETS.REMOVAL.bus 90\n" in text
    assert "train" not in text and (tmp_path / "sweep.svg").stat().st_size > 1000
    for wrong, sentence in (
        ("30", "is not PERCENT=FILE"),
        (f"0={tmp_path}", "is not a result"),
        ("150=x", "is not PERCENT=FILE"),
    ):
        code, _, error = call("choose_removal", "sweep", wrong)
        assert code == 2 and sentence in error


def test_figure_3_shows_fewer_labels_from_panel_to_panel(mini):
    source = sources.source("mini_synscapes_instance_train")
    table = source.table()
    frame = table.instances["frame"].mode()[0]
    none, all_but_one, everything = (removal_sheet(source, table, frame, [percent]) for percent in (0, 90, 100))
    assert none.shape == everything.shape
    colored = [np.any(sheet != everything, axis=2).sum() for sheet in (none, all_but_one)]
    assert colored[0] > colored[1] >= 0 and colored[0] > 500


def test_show_removal_writes_a_sheet_and_knows_its_frames(call, mini, tmp_path):
    output = tmp_path / "figure3.png"
    code, _, _ = call("show_removal", "mini_synscapes_instance_train", "--output", output)
    assert code == 0 and Image.open(output).width > 1400
    for extra, sentence in (
        (("--frame", "nowhere"), "has no frame 'nowhere'"),
        (("--thresholds", 120), "argument --thresholds: '120' is not possible"),
    ):
        code, _, error = call("show_removal", "mini_synscapes_instance_train", "--output", output, *extra)
        assert code == 2 and sentence in error


def test_plots_have_a_panel_for_each_class():
    sizes = {name: np.arange(1.0, 50) for name in ("person", "car", "bus", "train", "truck")}
    matches, _ = match_sizes(sizes, sizes, "wasserstein")
    assert len(size_distributions(sizes, sizes, matches).axes) == 5
    curves = {name: {0: [3.0], 50: [2.0]} for name in ("person", "car")}
    assert len(removal_curves(curves, dict.fromkeys(curves, 50)).axes) == 2

"""The audit counts what a person would count, and notices each assumption that does not hold."""

import importlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from synmix.data.frame_labels import Labels
from synmix.data.images import read_rgb
from synmix.errors import UserError
from synmix.harmonize import audit_tables
from synmix.harmonize.audit_pictures import harmonization_picture, paint
from synmix.harmonize.auditing import Item, audit, evenly, raw_frames
from synmix.harmonize.findings import ASSUMPTIONS, MEASURES, findings
from synmix.harmonize.prepare import prepare

ROAD, POLE, PERSON, RIDER, CAR, BUS, BICYCLE = 7, 17, 24, 25, 26, 28, 33
NONE = Path("none.png")


def one_frame(class_map, ids, classes):
    labels = Labels(class_map, ids, classes)
    return audit("one", [Item("1", NONE, lambda: labels)], num_workers=1)


def measured(result):
    return {measure.name: measure.of(result) for measure in MEASURES}


def test_instances_and_what_lies_inside_them(draw):
    result = one_frame(*draw())
    assert dict(result.instances.group_by("label").len().iter_rows()) == {PERSON: 1, CAR: 1, 32: 1, BICYCLE: 2}
    car = result.instances.filter(label=CAR).to_dicts()[0]
    assert (car["pixels"], car["share"]) == (400, 1000 * 400 / (45 * 90))
    found = {(label, other): (n, pixels) for _, label, other, n, pixels in result.inside.iter_rows()}
    assert found[BICYCLE, RIDER] == (1, 18 * 7) and found[BICYCLE, BICYCLE] == (2, 179 + 60)
    assert "| bicycle" in str(audit_tables.inside([result]))


def test_riders_and_vehicles_that_touch_are_counted():
    ids = np.zeros((6, 12), np.uint32)
    ids[3:5, 0:4], ids[1:3, 0:2], ids[1:3, 2:4] = 33000, 25000, 25001  # two riders on one bicycle
    ids[3:5, 8:11] = 33001  # parked
    ids[0, 11] = 25002  # alone
    classes = {int(i): int(i) // 1000 for i in np.unique(ids) if i}
    class_map = np.where(ids, ids // 1000, ROAD).astype(np.uint8)
    values = measured(one_frame(class_map, ids, classes))
    assert values["riders that touch a vehicle"] == pytest.approx(2 / 3)
    assert values["vehicles that touch a rider"] == values["vehicles that touch several riders"] == 0.5
    assert values["riders per motorcycle or bicycle"] == 1.5


def test_holes_count_enclosed_stuff_but_not_what_stands_before():
    ids, class_map = np.zeros((20, 20), np.uint32), np.full((20, 20), ROAD, np.uint8)
    ids[2:18, 2:18] = 3300001
    ids[5:8, 5:8] = 0  # nine pixels of road through the spokes
    ids[10:12, 10:12] = 2600001  # a car behind: another instance, no hole
    class_map[ids == 3300001], class_map[ids == 2600001] = BICYCLE, CAR
    result = one_frame(class_map, ids, {3300001: BICYCLE, 2600001: CAR})
    assert result.instances.filter(label=BICYCLE)["hole_pixels"].to_list() == [9]


CAR_PART, PERSON_PART, PARKED_PIXEL = np.s_[20:30, 2:8], np.s_[15:20, 26:32], np.s_[30, 65]


def break_assumption(statement, class_map, ids, classes):
    """Changes a frame so that this assumption fails."""
    paint_class, rider, vehicle = class_map.__setitem__, class_map == RIDER, np.isin(ids // 100_000, (32, 33))
    changes = {
        "rider pixels lie in motorcycle and bicycle instances": lambda: paint_class(rider, PERSON),
        "meta lists no rider instances": lambda: classes.update({2600003: RIDER}),
        "person pixels in vehicles are rare": lambda: paint_class(rider & (ids == 3300001), PERSON),
        "riders under 10 pixels are rare": lambda: paint_class(PARKED_PIXEL, RIDER),
        "vehicles that only show their rider are rare": lambda: paint_class(vehicle, RIDER),
        "riders elsewhere (wheelchairs?) are rare": lambda: paint_class(PERSON_PART, RIDER),
        "instances hold no other instance class's pixels": lambda: paint_class(CAR_PART, BUS),
        "instances hold no stuff pixels": lambda: paint_class(CAR_PART, POLE),
        "meta and the class map agree on classes": lambda: classes.update({2600003: BUS}),
        "meta lists every id of the instance map": lambda: classes.pop(2600003),
        "pixels of instance classes carry an id": lambda: ids.__setitem__(ids == 2600003, 0),
        "the class map holds label ids only": lambda: paint_class(np.s_[0:3, 0:9], 255),
    }
    changes[statement]()


@pytest.mark.parametrize("assumption", ASSUMPTIONS, ids=lambda assumption: assumption.statement)
def test_a_broken_assumption_is_noticed_and_the_switch_named(draw, assumption):
    class_map, ids, classes = draw()
    sound = {
        finding.assumption: finding for finding in findings(one_frame(class_map.copy(), ids.copy(), dict(classes)))
    }
    assert sound[assumption].holds
    break_assumption(assumption.statement, class_map, ids, classes)
    broken = one_frame(class_map, ids, classes)
    assert assumption in [finding.assumption for finding in findings(broken) if not finding.holds]
    assert assumption.remedy in audit_tables.advice(broken)


def test_a_sound_folder_is_said_to_fit(synscapes_root):
    result = audit("raw", raw_frames(synscapes_root), num_workers=1)
    assert result.frames == 10
    assert "Every assumption holds on these 10 frames" in audit_tables.advice(result)


def test_frames_that_cannot_be_read_are_named(synscapes_root):
    (synscapes_root / "meta" / "4.json").write_text("{")
    result = audit("raw", raw_frames(synscapes_root), num_workers=1)
    assert result.frames == 9 and result.problems[0][0] == "4"
    for number in range(1, 11):
        (synscapes_root / "meta" / f"{number}.json").write_text("{")
    with pytest.raises(UserError, match="no frame of 'raw' can be audited"):
        audit("raw", raw_frames(synscapes_root), num_workers=1)


def test_evenly_keeps_both_ends():
    items = [Item(str(n), NONE, list) for n in range(100)]
    assert [item.name for item in evenly(items, 3)] == ["0", "50", "99"]
    assert evenly(items, 0) == items == evenly(items, 100)


def test_picture_shows_rider_and_vehicle_in_one_colour_before_and_two_after(synscapes_root):
    name, sheet = harmonization_picture(raw_frames(synscapes_root))
    assert name in {str(n) for n in range(1, 11)} and sheet.ndim == 3
    image = read_rgb(synscapes_root / "img" / "rgb" / "1.png")
    painted = paint(image, np.ones(image.shape[:2], int), {1: (255, 0, 0)}, enlarge=2)
    assert painted.shape == (90, 180, 3) and painted[..., 0].mean() > painted[..., 1].mean()


@pytest.fixture
def registered(synscapes_root, tmp_path, monkeypatch):
    """The tiny folder as the miniature's synthetic data sets."""
    (tmp_path / "mini").mkdir()
    synscapes_root.rename(tmp_path / "mini" / "Synscapes")
    prepare(tmp_path / "mini" / "Synscapes", tmp_path / "mini" / "synscapes_harmonized", num_workers=1)
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    return ["mini_synscapes_instance_train", "mini_synscapes_instance_val"]


def run(monkeypatch, tool, *arguments):
    """Runs a tool in this process."""
    monkeypatch.setattr(sys, "argv", [tool, *map(str, arguments)])
    return importlib.import_module(f"synmix.cli.{Path(tool).stem}").main()


def test_audit_tool_compares_registered_data_sets_and_the_raw_folder(registered, tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "audit_labels.py", *registered, "--output", tmp_path / "audit") == 0
    report = capsys.readouterr().out
    assert "Every assumption holds" in report
    written = {path.name for path in (tmp_path / "audit").iterdir()}
    assert written == {"audit.md", "sizes.png", "conventions.png", "harmonization.png"}
    riders = [line for line in report.splitlines() if line.startswith("| rider ")]
    assert [cell.strip() for cell in riders[0].split("|")[2:5]] == [registered[0], "16", "2"]


@pytest.mark.slow
def test_drawing_tool_draws_frames_and_names_those_it_does_not_know(registered, tmp_path, monkeypatch):
    arguments = ["visualize_data.py", registered[1], "--output", tmp_path / "pictures"]
    run(monkeypatch, *arguments)
    assert read_rgb(tmp_path / "pictures" / f"{registered[1]}.png").std() > 10
    with pytest.raises(UserError, match="has no frame 'nobody'"):
        run(monkeypatch, *arguments, "--frame", "nobody")


def test_sizes_have_a_row_per_class_and_data_set(draw):
    first, second = one_frame(*draw()), one_frame(*draw(3))
    rows = str(audit_tables.sizes([first, second])).splitlines()[2:]
    assert len(rows) == 2 * first.instances["label"].n_unique()
    assert (
        first.instances.select(pl.col("pixels").sum()).item() == second.instances.select(pl.col("pixels").sum()).item()
    )

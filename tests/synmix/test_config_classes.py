"""``DATASETS.CLASSES`` in a config: numbers of classes follow it, and what cannot be meant is a sentence."""

import pytest

from synmix.config import CONFIGS, get_config, leaves, load_config, set_key
from synmix.errors import UserError
from synmix.study.runs import config_of, make_run

MINI = CONFIGS / "mini.yaml"
HEADS, POINTS = "MODEL.ROI_HEADS.NUM_CLASSES", "MODEL.POINT_HEAD.NUM_CLASSES"


def numbers(cfg):
    known = dict(leaves(cfg))
    return known[HEADS], known[POINTS]


def write(tmp_path, text, base=MINI):
    path = tmp_path / "mine.yaml"
    path.write_text(f"_BASE_: {base}\n{text}")
    return path


def test_the_default_is_what_the_data_sets_have():
    assert get_config().DATASETS.CLASSES == () and numbers(load_config(MINI)) == (8, 8)


def test_the_heads_follow_over_the_files_below(tmp_path):
    assert numbers(load_config(MINI, ["DATASETS.CLASSES", "('car','person')"])) == (2, 2)
    path = write(tmp_path, "DATASETS: {CLASSES: [car, person, bus]}\n")
    assert numbers(load_config(path)) == (3, 3)
    assert numbers(load_config(path, ["DATASETS.CLASSES", "('car',)"])) == (1, 1)
    cfg = get_config()
    set_key(cfg, "DATASETS.CLASSES", ["cone"])
    assert numbers(cfg) == (1, 1)


def test_retinanet_counts_its_own():
    options = ["MODEL.META_ARCHITECTURE", "RetinaNet", "DATASETS.CLASSES", "('car','bus')"]
    assert load_config(MINI, options).MODEL.RETINANET.NUM_CLASSES == 2
    with pytest.raises(UserError, match=r"names 2 classes, but MODEL.RETINANET.NUM_CLASSES is 80"):
        load_config(MINI, [*options, "MODEL.RETINANET.NUM_CLASSES", "80"])


def test_what_agrees_may_be_said(tmp_path):
    both = f"DATASETS: {{CLASSES: [car, bus]}}\n{HEADS}: 2\n{POINTS}: 2\n"
    assert numbers(load_config(write(tmp_path, both))) == (2, 2)


@pytest.mark.parametrize(
    "text",
    [f"{HEADS}: 8\n{POINTS}: 8\nDATASETS: {{CLASSES: [car]}}", f"DATASETS.CLASSES: [car]\n{HEADS}: 8\n{POINTS}: 8"],
)
def test_a_contradiction_in_whatever_order(tmp_path, text):
    with pytest.raises(UserError, match=f"names 1 classes, but {HEADS} is 8; leave that out, or give 1"):
        load_config(write(tmp_path, text))
    with pytest.raises(UserError, match=f"names 1 classes, but {HEADS} is 8"):
        load_config(MINI, [HEADS, "8", POINTS, "8", "DATASETS.CLASSES", "('car',)"])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "('car','car')",
            r"DATASETS.CLASSES is \('car', 'car'\).*; give a list, each entry a class's name, none twice",
        ),
        ("('car','')", "each entry a class's name"),
        ("('car',' ')", "each entry a class's name"),
        ("(1,)", "each entry a class's name"),
        ("car", "DATASETS.CLASSES is 'car'.*give a list"),
        ("('default',)", "names a class 'default', which DATASETS.REMOVAL has for all others"),
    ],
)
def test_what_cannot_be_meant(value, sentence):
    with pytest.raises(UserError, match=sentence):
        load_config(MINI, ["DATASETS.CLASSES", value])


def test_a_run_is_another_with_other_classes_and_trains_them(tmp_path):
    plain, few, other = (
        make_run("mini.yaml", {"DATASETS.CLASSES": names} if names else {})
        for names in ([], ["car", "bus"], ["bus", "car"])
    )
    assert len({run.id for run in (plain, few, other)}) == 3
    assert "DATASETS.CLASSES" not in plain.settings and plain == make_run("mini.yaml", {"DATASETS.CLASSES": []})
    cfg = config_of(few, tmp_path)
    assert cfg.DATASETS.CLASSES == ("car", "bus") and numbers(cfg) == (2, 2)
    assert few == make_run("mini.yaml", {"DATASETS.CLASSES": ["car", "bus"], "DATASETS.REMOVAL.person": 90})

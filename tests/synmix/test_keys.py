"""The table of config keys: complete, documented, and every value outside a range is one sentence."""

import math
import subprocess
import sys
from typing import get_args

import pytest
from detectron2.config import CfgNode, get_cfg
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix import kinds
from synmix.compose.removal import Scope
from synmix.config import CONFIGS, check_values, get_config, kind_of, set_key
from synmix.data.mapper import RESIZES
from synmix.errors import UserError
from synmix.keys import TABLE, find

CFG = get_config()
KEYS = [key for key in TABLE if not key.name.endswith("*")] + [
    type(key)(key.name.replace("*", "vehicle"), key.kind, key.meaning, None) for key in TABLE if key.name.endswith("*")
]


def leaves(node, prefix=""):
    for name, value in node.items():
        if isinstance(value, CfgNode):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def place(cfg, name):
    *parents, leaf = name.split(".")
    for parent in parents:
        cfg = cfg[parent]
    return cfg, leaf


def test_the_table_needs_no_torch():
    code = "import synmix.keys, synmix.config_files, sys; print('torch' in sys.modules or 'detectron2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_every_key_stands_once_and_exists():
    names = [key.name for key in TABLE]
    assert len(names) == len(set(names))
    assert set(names) - {"DATASETS.REMOVAL.*"} <= set(leaves(CFG))


def test_every_key_of_ours_is_in_the_table():
    theirs = get_cfg()
    from detectron2.projects.point_rend import add_pointrend_config

    add_pointrend_config(theirs)
    missing = [name for name in set(leaves(CFG)) - set(leaves(theirs)) if not find(name)]
    assert not missing
    assert {key.name for key in TABLE if not key.is_own} <= set(leaves(theirs))


def test_pointrends_defaults_are_its_own():
    theirs = get_cfg()
    from detectron2.projects.point_rend import add_pointrend_config

    add_pointrend_config(theirs)
    for node in ("POINT_HEAD", "IMPLICIT_POINTREND", "ROI_MASK_HEAD"):
        assert CFG.MODEL[node] == theirs.MODEL[node]


def test_the_defaults_are_inside_their_ranges():
    check_values(get_config())


def test_choices_are_what_the_code_knows():
    assert kind_of("DATASETS.REMOVAL_SCOPE").options == get_args(Scope)
    assert set(kind_of("INPUT.RESIZE").options) == set(RESIZES)


@pytest.mark.parametrize("key", [key for key in TABLE if isinstance(key.kind, kinds.Part)], ids=lambda key: key.name)
def test_known_parts_are_registered(key):
    set_key(get_config(), key.name, key.kind.known[0])
    with pytest.raises(UserError, match=f"{key.name} is 'nothing'"):  # looks, and so registers our own parts
        set_key(get_config(), key.name, "nothing")
    module, _, attribute = key.kind.registry.partition(":")
    registered = dict(getattr(sys.modules[module], attribute))
    assert set(key.kind.known) - {""} <= set(registered)


ODD = st.sampled_from([{"A": 1}, b"x", object])


def outside(kind):
    """Values that the kind is not to accept."""
    if isinstance(kind, kinds.Maybe):
        return outside(kind.kind).filter(lambda value: value is not None)
    if isinstance(kind, kinds.Entry):
        return st.sampled_from([1, "a", None, ["a"]])
    return ODD | st.none() | OUTSIDE[type(kind)](kind)


def outside_number(kind):
    wild = st.sampled_from([math.nan, math.inf, -math.inf, 10**400, True, "much"])
    below = st.floats(max_value=kind.low, exclude_max=not kind.open_low) if kind.low > -math.inf else wild
    above = st.floats(min_value=kind.high, exclude_min=not kind.open_high) if kind.high < math.inf else wild
    return wild | below | above


def outside_whole(kind):
    return st.integers(max_value=kind.low - 1) | st.integers(min_value=kind.high + 1) | st.floats() | st.booleans()


def outside_many(kind):
    lengths = [(0,) * n for n in (kind.least - 1, kind.most + 1) if 0 <= n < 100]
    return st.sampled_from([1, "a", *lengths]) | st.lists(outside(kind.item), min_size=1, max_size=3)


OUTSIDE = {
    kinds.Whole: outside_whole,
    kinds.Number: outside_number,
    kinds.Many: outside_many,
    kinds.Choice: lambda kind: st.text().filter(lambda text: text not in kind.options) | st.sampled_from([1.5, -3]),
    kinds.Part: lambda kind: st.text().filter(lambda text: text not in kind.known) | st.integers(),
    kinds.Pattern: lambda kind: st.sampled_from(["", "a b", "-", "cuda:", "cuda:-1", "gpu 1", "1x", "a..b", "\n", 3]),
    kinds.Row: lambda kind: st.sampled_from([[], ["a"], "abcd", ["a", "b", math.nan, "d"], ["a", "b", "c", "d"]]),
    kinds.Name: lambda kind: st.sampled_from(["", "  ", 3, 0.5, True, ["a"]]),
    kinds.Text: lambda kind: st.sampled_from([0, 1, 0.5, ["a"], "a\0b"]),
    kinds.Flag: lambda kind: st.sampled_from([0, 1, 0.5, "yes"]),
}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_range_rejects_what_is_outside(key, data):
    value = data.draw(outside(key.kind))
    node, leaf = place(CFG, key.name)
    before = node.get(leaf)
    node[leaf] = value
    try:
        with pytest.raises(UserError) as caught:
            check_values(CFG)
    finally:
        node[leaf] = before
        if before is None and leaf == "vehicle":
            del node[leaf]
    assert str(caught.value).startswith(f"{key.name} is ") and f"; give {key.kind.what}" in str(caught.value)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_options_take_what_is_inside_and_nothing_else(key, data):
    """Whatever text an option gives: the value is of the key's kind, or one sentence says that it is not."""
    text = data.draw(st.text(max_size=20) | st.integers().map(str) | st.floats().map(repr) | st.just("[" * 3000))
    cfg = get_config()
    try:
        set_key(cfg, key.name, text)
    except UserError as error:
        assert str(error).startswith(f"{key.name} is ") and len(str(error)) < 700
    else:
        node, leaf = place(cfg, key.name)
        assert key.kind.accepts(node[leaf])


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_the_ends_of_a_range_are_inside(key):
    kind = key.kind.kind if isinstance(key.kind, kinds.Maybe) else key.kind
    if isinstance(kind, kinds.Whole):
        inside = [kind.low, kind.high]
    elif isinstance(kind, kinds.Number):
        ends = [(kind.low, kind.open_low), (kind.high, kind.open_high)]
        inside = [end for end, is_open in ends if not is_open and math.isfinite(end)] or [0.5]
    elif isinstance(kind, kinds.Choice):
        inside = list(kind.options)
    else:
        node, leaf = place(CFG, key.name)
        inside = [node.get(leaf)]
    if isinstance(key.kind, kinds.Maybe):
        inside.append(None)
    for value in inside:
        cfg = get_config()
        set_key(cfg, key.name, value)
        node, leaf = place(cfg, key.name)
        assert node[leaf] == value
        set_key(cfg, key.name, value if isinstance(value, str) else repr(value))
        assert node[leaf] == value


def test_a_number_of_a_key_with_fractions_becomes_one():
    cfg = get_config()
    set_key(cfg, "SOLVER.BASE_LR", "1")
    assert cfg.SOLVER.BASE_LR == 1 and isinstance(cfg.SOLVER.BASE_LR, float)
    set_key(cfg, "DATASETS.TRAIN", ["a", "b"])
    assert cfg.DATASETS.TRAIN == ("a", "b")
    set_key(cfg, "OUTPUT_DIR", "2024")
    assert cfg.OUTPUT_DIR == "2024"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SOLVER.NOTHING", 1, "unknown key 'SOLVER.NOTHING'"),
        ("SOLVER", "{}", "'SOLVER' in the options is a group of keys; give a value to one of them: SOLVER."),
        ("", 1, "unknown key ''"),
        ("DATASETS.REMOVAL.", 1, "unknown key 'DATASETS.REMOVAL.'"),
        ("DATASETS.REMOVAL.person.left", 1, "unknown key"),
        ("INPUT.RESIZE", "pilow", r"give 'pillow' or 'opencv'\. Did you mean 'pillow'\?"),
        ("MODEL.META_ARCHITECTURE", "GeneralisedRCNN", "Did you mean 'GeneralizedRCNN'"),
        ("MODEL.BACKBONE.NAME", "build_resnet_fpn_backbon", "Did you mean 'build_resnet_fpn_backbone'"),
        ("MODEL.DEVICE", "gpu", "MODEL.DEVICE is 'gpu'.*; give 'cuda', 'cpu' or one GPU as 'cuda:0'"),
        ("DATALOADER.SAMPLER_TRAIN", "RepeatFactorTrainingSampler", "nothing here reads this key"),
        ("MODEL.RETINANET.NUM_CONVS", 2.5, "MODEL.RETINANET.NUM_CONVS is 2.5.*whole number"),
        ("MODEL.RETINANET.PRIOR_PROB", math.nan, "MODEL.RETINANET.PRIOR_PROB is nan.*; give a number"),
    ],
)
def test_a_key_that_cannot_be_set(name, value, sentence):
    with pytest.raises(UserError, match=sentence):
        set_key(get_config(), name, value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ROI_HEADS.NUM_CLASSES": 3}, "MODEL.ROI_HEADS.NUM_CLASSES is 3, but MODEL.POINT_HEAD.NUM_CLASSES is 80"),
        ({"KEYPOINT_ON": True, "TEST.KEYPOINT_OKS_SIGMAS": [0.1]}, "has 1 entries.*NUM_KEYPOINTS is 17"),
        ({"INPUT.MASK_FORMAT": "polygon"}, "give 'bitmask', which PointRend needs"),
        ({"INPUT.MIN_SIZE_TRAIN_SAMPLING": "range"}, "give two sizes"),
        ({"INPUT.CROP.SIZE": [2.0, 0.5]}, "give shares up to 1"),
        ({"INPUT.CROP.TYPE": "absolute"}, "give whole numbers of pixels"),
        ({"ANCHOR_GENERATOR.SIZES": [[8], [16]]}, "ANCHOR_GENERATOR.SIZES has 2 lists; give one, or one for each"),
    ],
)
def test_keys_that_do_not_suit_each_other(changes, sentence):
    cfg = get_config()
    base = {"MODEL.MASK_ON": True, "MODEL.ROI_MASK_HEAD.POINT_HEAD_ON": True, "INPUT.MASK_FORMAT": "bitmask"}
    for name, value in {**base, **changes}.items():
        set_key(cfg, name if name.split(".")[0] in cfg else f"MODEL.{name}", value)
    with pytest.raises(UserError, match=sentence):
        check_values(cfg)


def test_every_key_of_ours_is_read():
    """A key that nothing reads would be accepted and ignored unsaid."""
    files = [*(CONFIGS.parent / "projects").rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files if "keys" not in path.name)
    own = [key.name for key in TABLE if key.is_own and not key.kind.what.endswith("reads this key)")]
    leaves_of_own = {name.rpartition(".")[2] for name in own} - {"*", "default"}  # one mapping, read as a whole
    assert not [leaf for leaf in leaves_of_own if f".{leaf}" not in code]

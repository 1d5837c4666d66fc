"""From a spec to a training set: parts, dicts and manifest, and a sentence for every spec that cannot be meant."""

import json
import subprocess
import sys

import polars as pl
import pytest

from synmix.compose.composition import CompositionSpec, compose
from synmix.data.table import InstanceTable
from synmix.errors import UserError

SETS = ("real", "synthetic")


@pytest.fixture
def two_sets(registered, make_table):
    return registered(make_table("real", 30), "real"), registered(make_table("synthetic", 60, seed=1), "synthetic")


def spec(**keys):
    return CompositionSpec(**{"data_sets": SETS, **keys})


def frames_of(composition):
    return [part.table.frames["frame"].to_list() for part in composition.parts]


def test_everything_is_the_default(two_sets):
    composition = compose(spec())
    assert frames_of(composition) == [table.frames["frame"].to_list() for table in two_sets]
    assert composition.num_images == 90
    assert [len(part.table.instances) for part in composition.parts] == [len(table.instances) for table in two_sets]


def test_counts_totals_and_repeats(two_sets):
    assert compose(spec(images=(10, 20))).num_images == 30
    assert compose(spec(images=(-1, 20))).num_images == 50
    assert compose(spec(images=(10, 20), repeat=(8, 1))).num_images == 100
    share = compose(spec(total_images=40, real_share=25))
    assert [len(frames) for frames in frames_of(share)] == [10, 30]
    real_first = compose(spec(total_images=50))
    assert [len(frames) for frames in frames_of(real_first)] == [30, 20]


def test_the_table_stays_in_order_and_labels_follow_their_frames(two_sets):
    part = compose(spec(images=(10, 20))).parts[1]
    frames = part.table.frames["frame"].to_list()
    assert frames == sorted(frames)
    expected = two_sets[1].instances.filter(pl.col("frame").is_in(frames))
    assert part.table.instances.equals(expected)


def test_removal_acts_on_synthetic_sets_alone(two_sets):
    composition = compose(spec(removal={"default": 30, "person": 60}))
    real, synthetic = composition.parts
    assert real.table.instances.equals(two_sets[0].instances)
    percents = {report.category: report.percent for report in synthetic.removal}
    assert percents["person"] == 60 and percents["car"] == 30
    assert len(two_sets[1].instances) - len(synthetic.table.instances) == sum(r.removed for r in synthetic.removal) > 0


def test_removal_of_a_data_set_nests_labels_where_that_of_the_choice_need_not(two_sets):
    def labels(images, scope):
        part = compose(spec(images=(0, images), removal={"default": 50}, removal_scope=scope)).parts[1]
        return set(part.table.instances.select("frame", "instance_id").iter_rows())

    def inside(scope):
        small, large = labels(10, scope), labels(50, scope)
        frames = {frame for frame, _ in small}
        return small == {label for label in large if label[0] in frames}

    assert inside("data_set")
    assert not inside("chosen")


def test_dicts_leave_out_images_without_labels_and_repeat_the_others(two_sets):
    composition = compose(spec(images=(14, 20), repeat=(3, 1)))
    empty = [part.num_empty for part in composition.parts]
    assert all(empty)  # every seventh frame has no label
    dicts = composition.dicts()
    assert len(dicts) == 3 * (14 - empty[0]) + 20 - empty[1]
    assert {record["dataset"] for record in dicts} == set(SETS)
    kept = compose(spec(images=(14, 20), repeat=(3, 1), drop_empty=False))
    assert len(kept.dicts()) == kept.num_images == composition.num_images
    assert "14 images of 'real' have no label and are left out" in " ".join(composition.warnings())


def test_dicts_are_the_sources_own(two_sets):
    from synmix.data.sources import to_dicts

    part = compose(spec(data_sets=("synthetic",), removal={"default": 40}, drop_empty=False))
    assert part.dicts() == to_dicts(part.parts[0].table)


def test_a_wiped_out_class_and_an_idle_removal_are_told(two_sets):
    [warning] = [text for text in compose(spec(removal={"car": 100})).warnings() if "car" in text]
    assert "leaves no 'car' label of 'synthetic'" in warning
    assert any("no effect" in text for text in compose(spec(data_sets=("real",), removal={"default": 30})).warnings())


def test_equal_seeds_equal_manifests(two_sets, registered):
    manifest = compose(spec(images=(10, 20), seed=3, removal={"default": 30})).manifest()
    shuffled = [InstanceTable(t.name, t.frames.sample(fraction=1, shuffle=True, seed=5), t.instances) for t in two_sets]
    registered(shuffled[0], "real")
    registered(shuffled[1], "synthetic")
    again = compose(spec(images=(10, 20), seed=3, removal={"default": 30})).manifest()
    assert again["checksum"] == manifest["checksum"] and json.dumps(manifest)
    other = compose(spec(images=(10, 20), seed=4, removal={"default": 30})).manifest()
    assert other["checksum"] != manifest["checksum"]


def test_the_manifest_of_a_fixed_config_never_changes(two_sets):
    """Golden: whoever changes this number changes what published manifests mean (raise ``manifest.VERSION``)."""
    composition = compose(spec(images=(12, 24), seed=7, removal={"default": 30, "person": 60}, repeat=(2, 1)))
    assert composition.manifest()["checksum"] == "c959206cae4ffa39c9bac3e96178a43fa024babc3495aa132060e38bc16153a4"


def test_composing_needs_no_torch():
    code = "import synmix.compose.composition, synmix.compose.planner, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_from_config_reads_the_keys(two_sets):
    from synmix.config import get_config

    cfg = get_config()
    cfg.DATASETS.TRAIN = SETS
    cfg.merge_from_list(["DATASETS.IMAGES", "(10, -1)", "DATASETS.REMOVAL.person", "60", "DATASETS.SEED", "5"])
    cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS = False
    read = CompositionSpec.from_config(cfg)
    assert read == spec(images=(10, -1), removal={"person": 60}, seed=5, drop_empty=False)
    assert compose(read).num_images == 70


@pytest.mark.parametrize(
    "keys, sentence",
    [
        ({"data_sets": ()}, "names no data set"),
        ({"data_sets": ("real", "real")}, "names 'real' twice"),
        ({"data_sets": ("real", "synthtic")}, "unknown data set 'synthtic'. Did you mean 'synthetic'"),
        ({"images": (1,)}, "DATASETS.IMAGES has 1 entries for the 2 data sets"),
        ({"images": (1, 61)}, "asks for 61 images of 'synthetic', which has 60"),
        ({"images": (0, 0)}, "leaves no image"),
        ({"total_images": 91}, "needs 61 synthetic images"),
        ({"real_share": 50}, "set that too"),
        ({"total_images": 10, "images": (5, 5)}, "both say how many"),
        ({"removal": {"persn": 30}}, "unknown class 'persn'. Did you mean 'person'"),
        ({"removal": {"default": 100}, "data_sets": ("synthetic",)}, "leaves no image"),
    ],
)
def test_a_spec_that_cannot_be_meant(two_sets, keys, sentence):
    with pytest.raises(UserError) as error:
        compose(spec(**keys))
    assert sentence in str(error.value)


def test_sets_of_other_classes_do_not_mix(two_sets, registered, make_table):
    registered(make_table("vehicles", 5), "real", thing_classes=["vehicle"])
    with pytest.raises(UserError, match="'vehicles' has vehicle; data sets are mixed only where"):
        compose(spec(data_sets=("real", "vehicles")))


def test_a_stale_table_is_told(registered, make_table):
    table = make_table("real", 10)
    registered(InstanceTable("real", table.frames.head(5), table.instances), "real")
    with pytest.raises(UserError, match=r"'real' is stale or damaged \(labels of the unlisted frame 'city_00000"):
        compose(spec(data_sets=("real",)))
    registered(InstanceTable("real", pl.concat([table.frames, table.frames]), table.instances), "real")
    with pytest.raises(UserError, match="a frame listed twice"):
        compose(spec(data_sets=("real",)))


def test_an_unknown_class_on_the_command_line_lists_the_known(two_sets):
    from synmix.config import load_config

    cfg = load_config("", ["DATASETS.TRAIN", "('real','synthetic')", "DATASETS.REMOVAL.persn", "30"])
    with pytest.raises(
        UserError, match=r"unknown class 'persn'. Did you mean 'person'\? Known: default, person, rider"
    ):
        compose(CompositionSpec.from_config(cfg))

import subprocess
import sys

import pytest

from synmix.data import sources
from synmix.errors import UserError


def test_registering_costs_no_torch_and_touches_no_data():
    code = "import sys; from synmix.data import sources; assert 'torch' not in sys.modules; print(len(sources.names()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 12


def test_built_in_names_and_domains():
    for split in ("train", "val", "test"):
        assert sources.source(f"cityscapes_instance_{split}").domain == "real"
        assert sources.source(f"synscapes_instance_{split}").domain == "synthetic"


def test_an_unknown_name_lists_the_known_and_the_closest():
    with pytest.raises(
        UserError, match=r"Did you mean 'cityscapes_instance_train'\? Known: .*synscapes_instance_\{test,train,val\}"
    ):
        sources.source("cityscape_instance_train")


def test_the_root_is_read_when_used(write_frame, street, monkeypatch, tmp_path):
    write_frame("ulm_000001_000019", street)
    sources.register_cityscapes_format("late_train", tmp_path, "train", "real")
    source = sources.source("late_train")
    assert len(source.table().instances) == 3
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "nowhere"))
    with pytest.raises(
        UserError, match=r"nowhere/cityscapes/leftImg8bit/train.*Download leftImg8bit_trainvaltest\.zip"
    ):
        sources.source("cityscapes_instance_train").table()


def test_dicts_follow_a_reduced_table(write_frame, street, tmp_path):
    import polars as pl
    from detectron2.structures import BoxMode

    from synmix.data.table import InstanceTable

    write_frame("ulm_000001_000019", street)
    sources.register_cityscapes_format("reduced_train", tmp_path, "train", "real")
    source = sources.source("reduced_train")
    table = source.table()
    reduced = InstanceTable(table.name, table.frames, table.instances.filter(pl.col("instance_id") != 26000))
    (record,) = source.dicts(reduced)
    further = [
        frame.with_columns(occlusion=pl.lit(0.5)).select("occlusion", *reversed(frame.columns))
        for frame in (reduced.frames, reduced.instances)
    ]
    assert source.dicts(InstanceTable(table.name, *further)) == [record]  # whatever other columns, in whatever order
    assert (record["image_id"], record["height"], record["width"], record["dataset"]) == (
        "ulm_000001_000019",
        8,
        16,
        "reduced_train",
    )
    assert record["annotations"] == [
        {"bbox": [10, 0, 16, 2], "bbox_mode": BoxMode.XYXY_ABS, "category_id": 0, "iscrowd": 1, "instance_id": 24},
        {"bbox": [3, 4, 9, 8], "bbox_mode": BoxMode.XYXY_ABS, "category_id": 2, "iscrowd": 0, "instance_id": 26001},
    ]


def test_catalogs_of_detectron2():
    from detectron2.data import DatasetCatalog, MetadataCatalog

    from synmix.data import catalog

    catalog.register_all()
    catalog.register_all()
    assert "synscapes_instance_val" in DatasetCatalog
    metadata = MetadataCatalog.get("synscapes_instance_val")
    assert (metadata.domain, metadata.evaluator_type, len(metadata.thing_classes)) == ("synthetic", "synmix", 8)

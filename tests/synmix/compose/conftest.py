"""Data sets of invented labels, registered for a test and forgotten after it."""

import random

import polars as pl
import pytest
from hypothesis import settings

from synmix.data import sources
from synmix.data.sources import DataSource, to_dicts
from synmix.data.table import FRAME_SCHEMA, INSTANCE_SCHEMA, InstanceTable
from synmix.labels import CLASS_NAMES

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")


def instance_rows(rows):
    """INSTANCE_SCHEMA from (frame, id, category, pixels[, crowd])."""
    full = [(*row[:4], 0, 0, 1, 1, bool(row[4:] and row[4])) for row in rows]
    return pl.DataFrame(full, schema=INSTANCE_SCHEMA, orient="row")


def frame_rows(names, size=(100, 200)):
    rows = [(name, f"{name}.png", f"{name}_ids.png", *size) for name in names]
    return pl.DataFrame(rows, schema=FRAME_SCHEMA, orient="row")


def invented_table(name, num_frames, labels_per_frame=10, seed=0):
    """A table of drawn sizes; every tenth label is a group, every seventh frame has no label."""
    draw = random.Random(seed).getrandbits  # integers alone: the same on every machine and version
    frames = [f"city_{number:06d}" for number in range(num_frames)]
    rows = [
        (frame, 1000 * (24 + index) + index, CLASS_NAMES[draw(3)], 1 + draw(4 + draw(3)), index == 9)
        for number, frame in enumerate(frames)
        if number % 7
        for index in range(labels_per_frame)
    ]
    return InstanceTable(name, frame_rows(frames), instance_rows(rows))


@pytest.fixture
def make_instances():
    return instance_rows


@pytest.fixture
def make_table():
    return invented_table


@pytest.fixture
def registered(monkeypatch):
    """A function that registers a table as a data set until the test's end."""
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))

    def register(table, domain, **metadata):
        sources.register(DataSource(table.name, domain, lambda: table, to_dicts, metadata))
        return table

    return register

"""How long a training set of the paper's full size takes to compose, and how much memory.

    uv run benchmarks/compose.py --rounds 5

Draws instance tables of 2,975 + 20,000 frames with a million labels, keeps them as Parquet (a warm cache), and then, in
a process of its own for each round, reads, composes with removal, and makes the manifest and the Detectron2 dicts.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import synmix.before_detectron2  # noqa: F401

import numpy as np
import polars as pl
from results import Table, add_json, write_results

from synmix.compose.composition import CompositionSpec, compose
from synmix.data import sources
from synmix.data.table import FRAME_SCHEMA, INSTANCE_SCHEMA, InstanceTable
from synmix.labels import CLASS_NAMES

#: name, domain, frames, labels: Cityscapes' training set (paper 4.1) and Synscapes' at its 46 labels an image
SETS: tuple[tuple[str, sources.Domain, int, int], ...] = (
    ("real", "real", 2_975, 54_060),
    ("synthetic", "synthetic", 20_000, 945_940),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    add_json(parser)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(_round(args.worker)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, _, num_frames, num_labels in SETS:
            _draw(Path(folder), name, num_frames, num_labels)
        command = [sys.executable, __file__, "--worker", folder]
        rounds = [json.loads(subprocess.check_output(command)) for _ in range(args.rounds)]
    steps = {key: [values[key] for values in rounds] for key in rounds[0]}
    table = Table({"step": "", "median": "{:.3g}", "least": "{:.3g}"})
    table.rows.extend([key, statistics.median(values), min(values)] for key, values in steps.items())
    print(table.markdown())
    write_results(args, {"steps": table})


def _round(folder: Path) -> dict[str, float]:
    figures: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        figures[f"{step}, s"] = time.perf_counter() - start

    with timed("register both"):
        for name, domain, *_ in SETS:
            _register(folder, name, domain)
    spec = CompositionSpec(("real", "synthetic"), removal={"default": 30, "person": 60})
    with timed("read the tables from Parquet"):
        for name, *_ in SETS:
            sources.source(name).table()
    with timed("compose"):
        composition = compose(spec)
    with timed("manifest"):
        composition.manifest()
    figures["compose and manifest, s"] = figures["compose, s"] + figures["manifest, s"]
    figures["peak memory until here, GiB"] = _peak()
    from detectron2.structures import BoxMode  # noqa: F401 - torch's import is not what is measured below

    figures["peak memory with torch imported, GiB"] = _peak()
    with timed("Detectron2 dicts"):
        composition.dicts()
    figures["peak memory with dicts, GiB"] = _peak()
    return figures


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _register(folder: Path, name: str, domain: sources.Domain) -> None:
    tables: list[InstanceTable] = []

    def table() -> InstanceTable:
        if not tables:
            parts = [pl.read_parquet(folder / f"{name}-{part}.parquet") for part in ("frames", "instances")]
            tables.append(InstanceTable(name, *parts))
        return tables[0]

    sources.register(sources.DataSource(name, domain, table, sources.to_dicts))


def _draw(folder: Path, name: str, num_frames: int, num_labels: int) -> None:
    draw = np.random.default_rng(0)
    names = np.array([f"{name}_{number // 100:06d}_{number:06d}" for number in range(num_frames)])
    place = f"/data/{name}"
    paths = {"image": f"{place}/leftImg8bit/train", "instance_map": f"{place}/gtFine/train"}
    frames = pl.DataFrame({"frame": names, **{key: np.char.add(f"{path}/", names) for key, path in paths.items()}})
    frames = frames.with_columns(height=pl.lit(1024), width=pl.lit(2048)).cast(FRAME_SCHEMA)  # type: ignore[arg-type]
    frames.write_parquet(folder / f"{name}-frames.parquet")
    categories = draw.choice(8, num_labels, p=(0.5, 0.04, 0.36, 0.02, 0.01, 0.01, 0.02, 0.04))
    owner = np.sort(draw.integers(0, num_frames, num_labels))
    corners = draw.integers(0, 1000, (num_labels, 2))
    instances = pl.DataFrame(
        {
            "frame": names[owner],
            "instance_id": 24_000 + np.arange(num_labels),
            "category": np.array(CLASS_NAMES)[categories],
            "pixels": draw.lognormal(6, 2, num_labels).astype(np.int64) + 1,
            "x_min": corners[:, 0],
            "y_min": corners[:, 1],
            "x_max": corners[:, 0] + 40,
            "y_max": corners[:, 1] + 20,
            "crowd": draw.random(num_labels) < 0.02,
        }
    )
    instances.cast(INSTANCE_SCHEMA).write_parquet(folder / f"{name}-instances.parquet")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

"""Whole trainers side by side: Detectron2's own ``DefaultTrainer`` against ours, from image files to updated weights.

The same config, images and start; each variant in a process of its own, in interleaved rounds. Stock gets the masks as
run lengths, as Detectron2's own data sets have them, its own mapper, and PyTorch's own settings.

    OMP_NUM_THREADS=1 uv run benchmarks/trainer.py --config-file configs/mini.yaml --iterations 60 --rounds 3
    uv run benchmarks/trainer.py --config-file configs/cityscapes.yaml --num-workers 4       # on a GPU
"""

import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

import synmix.before_detectron2  # noqa: F401

from results import Table, add_json, write_results
from stock_records import with_run_lengths

from synmix.cli.parser import argument_parser
from synmix.errors import run_tool

_BFLOAT16 = ["SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bfloat16"]
#: variant -> config keys
VARIANTS: dict[str, list[Any]] = {
    "stock": ["SPEED.CHANNELS_LAST", False, "SPEED.PACKED_MASKS", False],
    "ours, the same keys": ["SPEED.CHANNELS_LAST", False, "SPEED.PACKED_MASKS", False],
    "ours": [],
    "ours, bfloat16": _BFLOAT16,
}
_COLUMNS = {
    "trainer": "",
    "s an iteration": "{:.3f}",
    "times as fast": "{:.2f}",
    "processor s": "{:.3f}",
    "times as fast ": "{:.2f}",
    "peak GiB": "{:.2f}",
    "loss, last quarter": "{:.3f}",
}


@dataclass(frozen=True)
class Measured:
    """One process: medians of its iterations in seconds, of the clock and of the processor; its peak memory in GiB; the
    mean loss of the last quarter."""

    wall: float
    processor: float
    memory: float
    loss: float


def main() -> None:
    """Prints a table."""
    parser = argument_parser(__doc__)
    parser.add_argument("--config-file", default="mini.yaml", metavar="FILE")
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--num-workers", type=int, default=0, help="of the loader")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS, metavar="NAME")
    add_json(parser)
    arguments = parser.parse_args()
    keys = ["SOLVER.MAX_ITER", arguments.iterations, "DATALOADER.NUM_WORKERS", arguments.num_workers]
    found: dict[str, list[Measured]] = {name: [] for name in arguments.variants}
    for number in range(arguments.rounds):
        for name in arguments.variants:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                measured = pool.submit(_measure, arguments.config_file, name, [*keys, *VARIANTS[name]]).result()
            found[name].append(measured)
            print(f"round {number + 1}, {name}: {asdict(measured)}", flush=True)
    table = _table(found)
    print(f"\n{table.markdown()}")
    write_results(arguments, {"trainers": table})


def _table(found: dict[str, list[Measured]]) -> Table:
    """Medians over rounds; gains are medians of the ratios of one round."""
    stock = next(iter(found.values()))
    rows: list[list[str | float | None]] = []
    for name, rounds in found.items():
        row: list[str | float | None] = [name]
        for key in ("wall", "processor"):
            row.append(statistics.median(getattr(one, key) for one in rounds))
            row.append(statistics.median(getattr(a, key) / getattr(b, key) for a, b in zip(stock, rounds, strict=True)))
        row += [statistics.median(getattr(one, key) for one in rounds) for key in ("memory", "loss")]
        rows.append(row)
    return Table(_COLUMNS, rows)


def _measure(config: str, name: str, keys: list[Any]) -> Measured:
    from synmix.config import load_config
    from synmix.train import memory
    from synmix.train.run import prepare
    from synmix.train.speed import speed_settings
    from synmix.train.trainer import SynMixTrainer

    with tempfile.TemporaryDirectory() as folder:
        cfg, composition = prepare(load_config(config, [*keys, "OUTPUT_DIR", folder, "DATASETS.TEST", ()]))
        records = composition.dicts()
        clock = _clock()
        if name == "stock":
            trainer = _stock(cfg, records)
            trainer.register_hooks([clock])
            trainer.train()
        else:
            with speed_settings(cfg):
                trainer = SynMixTrainer(cfg, records)
                trainer.register_hooks([clock])
                trainer.train()
        peak = memory.process_peak() if cfg.MODEL.DEVICE == "cpu" else memory.peak()
    kept = slice(len(clock.walls) // 4, None)
    late = clock.losses[-len(clock.losses) // 4 :]
    return Measured(
        statistics.median(clock.walls[kept]), statistics.median(clock.processor[kept]), peak, statistics.mean(late)
    )


def _stock(cfg: Any, records: list[dict[str, Any]]) -> Any:
    """Detectron2's trainer on the same images; it asks for a registered data set."""
    import detectron2.projects.point_rend  # noqa: F401
    import torch
    from detectron2.data import DatasetCatalog, MetadataCatalog
    from detectron2.engine import DefaultTrainer

    import synmix.train.parts.narrow_backbone  # noqa: F401 - the miniature's model is the same on both sides
    from synmix.train.sampler import model_seed

    DatasetCatalog.register("stock", lambda: [with_run_lengths(record) for record in records])
    MetadataCatalog.get("stock").set(thing_classes=MetadataCatalog.get(cfg.DATASETS.TRAIN[0]).thing_classes)
    cfg = cfg.clone()
    cfg.defrost()
    cfg.DATASETS.TRAIN = ("stock",)
    cfg.MODEL.ROI_MASK_HEAD.NAME = cfg.MODEL.ROI_MASK_HEAD.NAME.removeprefix("SynMix")
    torch.manual_seed(model_seed(cfg.SEED))  # the same weights at the start
    return DefaultTrainer(cfg)


def _clock() -> Any:
    """A hook that times each iteration, from the loader to the update."""
    from detectron2.engine import HookBase

    class Clock(HookBase):
        def before_train(self) -> None:
            self.walls: list[float] = []
            self.processor: list[float] = []
            self.losses: list[float] = []
            self.last = (time.perf_counter(), time.process_time())

        def after_step(self) -> None:
            now = (time.perf_counter(), time.process_time())
            self.walls.append(now[0] - self.last[0])
            self.processor.append(now[1] - self.last[1])
            self.losses.append(self.trainer.storage.latest()["total_loss"][0])
            self.last = (time.perf_counter(), time.process_time())

    return Clock()


if __name__ == "__main__":
    run_tool(main)

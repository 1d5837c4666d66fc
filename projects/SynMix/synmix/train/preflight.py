"""A look at everything a training needs before anything is spent on it (``train_net.py --dry-run``)."""

import resource
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from detectron2.utils.events import EventStorage
from rich.table import Table

from synmix.compose.budget import epochs_of
from synmix.compose.manifest import check_manifest
from synmix.progress import console
from synmix.train.loader import build_loader
from synmix.train.run import prepare
from synmix.train.trainer import SynMixTrainer

_STEPS = 4  # tried; the first only warms up


def preflight(cfg: CfgNode, resume: bool = False, trust_pickle: bool = False) -> None:
    """Composes the training set, loads weights or checkpoint, tries a few real steps, prints the plan; writes nothing.

    Raises:
        UserError: whatever would stop the training itself.
    """
    cfg, composition = prepare(cfg)
    manifest = composition.manifest()
    trainer = SynMixTrainer(cfg, composition.dicts(), trust_pickle)
    if resume and trainer.checkpointer.has_checkpoint():
        check_manifest(Path(cfg.OUTPUT_DIR) / "manifest.json", manifest)
    trainer.resume_or_load(resume)
    seconds = _try_steps(trainer)
    left = trainer.max_iter - trainer.start_iter
    rows = {
        "device": f"{cfg.MODEL.DEVICE}, {comm.get_world_size()} process(es) x {cfg.SOLVER.ACCUMULATE} part(s)",
        **{entry["name"]: _data_set_line(entry) for entry in manifest["data_sets"]},
        "manifest": manifest["checksum"][:12],
        "schedule": _schedule_line(cfg, composition.num_images, trainer.start_iter),
        "weights": cfg.MODEL.WEIGHTS or "from scratch",
        "speed": f"{seconds:.3f} s an iteration, {cfg.SOLVER.IMS_PER_BATCH / seconds:.1f} images/s",
        "memory": _memory_line(),
        "disk": _disk_line(cfg, trainer),
        "evaluated on": ", ".join(cfg.DATASETS.TEST) or "nothing",
        "time left": _duration(seconds * left) + " of training, evaluation apart",
    }
    if comm.is_main_process():
        for warning in composition.warnings():
            console.print(f"[yellow]note:[/] {warning}")
        table = Table("", "plan", title=f"dry run of {cfg.OUTPUT_DIR}", show_header=False)
        for name, text in rows.items():
            table.add_row(name, text)
        console.print(table)


def _try_steps(trainer: SynMixTrainer) -> float:
    """Seconds of an iteration: the fastest of a few, with the weights left as they were."""
    step, cfg = trainer._trainer, trainer.cfg
    before = {name: value.clone() for name, value in trainer.checkpointer.model.state_dict().items()}
    step.data_loader = build_loader(cfg, trainer.records, trainer.seed, trainer.start_iter)
    times = []
    with EventStorage(trainer.start_iter):
        for step.iter in range(trainer.start_iter, trainer.start_iter + _STEPS):
            started = time.perf_counter()
            step.run_step()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
    trainer.checkpointer.model.load_state_dict(before)
    return min(times[1:])


def _data_set_line(entry: dict[str, Any]) -> str:
    labels = sum(report["kept"] for report in entry["classes"].values())
    removed = sum(report["labels"] - report["kept"] for report in entry["classes"].values())
    repeat = f", each {entry['repeat']} times" if entry["repeat"] > 1 else ""
    return f"{entry['images']} of {entry['available']} images{repeat}, {labels} labels, {removed} removed"


def _schedule_line(cfg: CfgNode, images: int, start: int) -> str:
    solver = cfg.SOLVER
    epochs = epochs_of(solver.MAX_ITER, images, solver.IMS_PER_BATCH)
    resumed = f", resumed at {start}" if start else ""
    drops = f", x{solver.GAMMA:g} after {', '.join(map(str, solver.STEPS))}" if solver.STEPS else ""
    return (
        f"{solver.MAX_ITER} iterations of {solver.IMS_PER_BATCH} images = {epochs:.2f} epochs of {images}; "
        f"learning rate {solver.BASE_LR:g}{drops}, warm-up {solver.WARMUP_ITERS}{resumed}"
    )


def _memory_line() -> str:
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if not torch.cuda.is_available():
        return f"{process:.1f} GiB"
    used, total = torch.cuda.max_memory_allocated() / 2**30, torch.cuda.get_device_properties(0).total_memory / 2**30
    return f"GPU {used:.1f} of {total:.1f} GiB, process {process:.1f} GiB"


def _disk_line(cfg: CfgNode, trainer: SynMixTrainer) -> str:
    """A checkpoint holds weights and as much momentum again."""
    model = sum(value.numel() * value.element_size() for value in trainer.checkpointer.model.state_dict().values())
    kept = (cfg.SOLVER.KEEP_CHECKPOINTS or cfg.SOLVER.MAX_ITER // cfg.SOLVER.CHECKPOINT_PERIOD) + 2
    folder = Path(cfg.OUTPUT_DIR).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    return f"up to {2 * kept * model / 2**30:.2f} GiB, {shutil.disk_usage(existing).free / 2**30:.1f} GiB free"


def _duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"

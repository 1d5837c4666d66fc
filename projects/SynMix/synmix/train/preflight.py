"""A look at everything a training needs before anything is spent on it (``train_net.py --dry-run``)."""

import shutil
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from rich.table import Table

from synmix.compose.budget import describe_schedule
from synmix.compose.manifest import check_manifest
from synmix.progress import console
from synmix.train import memory
from synmix.train.rates import Rates, measure_rates
from synmix.train.run import prepare
from synmix.train.speed import speed_settings
from synmix.train.trainer import SynMixTrainer

_SHARED = Path("/dev/shm")  # where the loader's workers put their batches


def preflight(cfg: CfgNode, resume: bool = False, trust_pickle: bool = False) -> dict[str, str]:
    """Composes the training set, loads weights or checkpoint, tries real steps, prints the plan; writes nothing.

    Returns:
        the plan's lines, by what each is about.

    Raises:
        UserError: whatever would stop the training itself.
    """
    cfg, composition = prepare(cfg)
    manifest = composition.manifest()
    with speed_settings(cfg):
        trainer = SynMixTrainer(cfg, composition.dicts(), trust_pickle)
        if resume and trainer.checkpointer.has_checkpoint():
            check_manifest(Path(cfg.OUTPUT_DIR) / "manifest.json", manifest)
        trainer.resume_or_load(resume)
        rates = measure_rates(trainer)
    resumed = f"; resumed at {trainer.start_iter:,}" if trainer.start_iter else ""
    rows = {
        "device": f"{cfg.MODEL.DEVICE}, {comm.get_world_size()} process(es) x {cfg.SOLVER.ACCUMULATE} part(s)",
        **{entry["name"]: _data_set_line(entry) for entry in manifest["data_sets"]},
        "manifest": manifest["checksum"][:12],
        "schedule": describe_schedule(cfg, composition.num_images) + resumed,
        "weights": cfg.MODEL.WEIGHTS or "from scratch",
        **_rate_lines(cfg, rates),
        "memory": _memory_line(),
        "shared memory": _shared_line(cfg, rates),
        "disk": _disk_line(cfg, trainer),
        "evaluated on": ", ".join(cfg.DATASETS.TEST) or "nothing",
        "time": _time_line(rates.together, trainer),
    }
    if comm.is_main_process():
        for warning in composition.warnings():
            console.print(f"[yellow]note:[/] {warning}")
        table = Table("", "plan", title=f"dry run of {cfg.OUTPUT_DIR}", show_header=False)
        for name, text in rows.items():
            table.add_row(name, text)
        console.print(table)
    return rows


def _data_set_line(entry: dict[str, Any]) -> str:
    labels = sum(report["kept"] for report in entry["classes"].values())
    removed = sum(report["labels"] - report["kept"] for report in entry["classes"].values())
    repeat = f", each {entry['repeat']} times" if entry["repeat"] > 1 else ""
    return f"{entry['images']} of {entry['available']} images{repeat}, {labels} labels, {removed} removed"


def _rate_lines(cfg: CfgNode, rates: Rates) -> dict[str, str]:
    images, loader = cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER
    loaded = f"{loader.NUM_WORKERS} worker(s) a process" if loader.NUM_WORKERS else "no workers: loaded between steps"
    return {
        "speed": f"{rates.together:.3f} s an iteration, {images / rates.together:.1f} images/s; {rates.bound}",
        "data alone": f"{images / rates.data:.1f} images/s; {loaded}",
        "steps alone": f"{images / rates.compute:.1f} images/s",
    }


def _memory_line() -> str:
    """Peaks of every process."""
    processes = memory.of_all(memory.process_peak())
    line = f"process {_figures(processes)} GiB"
    if not torch.cuda.is_available():
        return line
    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory / 2**30
    return f"GPU {_figures(memory.of_all(memory.peak()))} of {total:.1f} GiB, {line}"


def _figures(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _shared_line(cfg: CfgNode, rates: Rates) -> str:
    """What all workers' batches take of this machine's shared memory, where a container often has 64 MB."""
    needed = max(memory.of_all(rates.batch_bytes)) * cfg.DATALOADER.NUM_WORKERS * cfg.DATALOADER.PREFETCH
    needed *= comm.get_local_size()
    if not needed or not _SHARED.is_dir():
        return "none is needed"
    total = shutil.disk_usage(_SHARED).total
    line = f"up to {needed / 2**20:.0f} MiB for batches of this size, {total / 2**20:.0f} MiB in all"
    if needed < total:
        return line
    return f"[red]{line}: too little[/]; docker run --shm-size, fewer DATALOADER.NUM_WORKERS, SPEED.PACKED_MASKS True"


def _disk_line(cfg: CfgNode, trainer: SynMixTrainer) -> str:
    """A checkpoint holds weights and as much momentum again."""
    model = sum(value.numel() * value.element_size() for value in trainer.checkpointer.model.state_dict().values())
    kept = (cfg.SOLVER.KEEP_CHECKPOINTS or cfg.SOLVER.MAX_ITER // cfg.SOLVER.CHECKPOINT_PERIOD) + 2
    folder = Path(cfg.OUTPUT_DIR).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    return f"up to {2 * kept * model / 2**30:.2f} GiB, {shutil.disk_usage(existing).free / 2**30:.1f} GiB free"


def _time_line(seconds: float, trainer: SynMixTrainer) -> str:
    whole, left = seconds * trainer.max_iter, seconds * (trainer.max_iter - trainer.start_iter)
    gpus = f", {whole * comm.get_world_size() / 3600:.2f} GPU hours" if torch.cuda.is_available() else ""
    return f"{_duration(whole)} for the whole run{gpus}; {_duration(left)} left; evaluation apart"


def _duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"

"""A whole training from a config: compose, check, train, evaluate. Can be called again and again in one process."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from detectron2.utils.logger import setup_logger

from synmix.compose.budget import describe_schedule, resolve_schedule
from synmix.compose.composition import Composition, CompositionSpec, compose
from synmix.compose.manifest import check_manifest, write_manifest
from synmix.compose.report import summary
from synmix.config import build_model, check_values
from synmix.data import coco, sources
from synmix.data.catalog import register_all
from synmix.errors import UserError
from synmix.files import atomic_path
from synmix.labels import CLASS_NAMES
from synmix.train.checkpoint import SafeCheckpointer
from synmix.train.trainer import SynMixTrainer

logger = logging.getLogger(__name__)

Results = dict[str, dict[str, dict[str, float]]]


def train(cfg: CfgNode, resume: bool = False, trust_pickle: bool = False) -> Results:
    """Trains what the config describes and evaluates it on ``DATASETS.TEST``.

    Args:
        cfg: a whole config; it is not changed.
        resume: go on from the latest checkpoint of ``OUTPUT_DIR``, where there is one.
        trust_pickle: see :class:`SafeCheckpointer`.

    Returns:
        data set -> task (``"segm"``) -> figure (``"AP"``, ...) in percent, on the main process; {} on others.

    Raises:
        UserError: config, data or checkpoint do not allow it; :class:`TrainingDiverged` where a loss left the finite.
        TrainingInterrupted: a signal came; the state is saved.
    """
    cfg, composition = prepare(cfg)
    with log_to(cfg.OUTPUT_DIR), speed_settings(cfg):
        _claim_folder(cfg, composition, resume)
        logger.info("what is trained on:\n%s", summary(composition.manifest()))
        logger.info(describe_schedule(cfg, composition.num_images))
        for warning in composition.warnings():
            logger.warning(warning)
        trainer = SynMixTrainer(cfg, composition.dicts(), trust_pickle)
        trainer.resume_or_load(resume)
        results = trainer.train()
        _lay_beside_published(cfg, results)
        return results


def evaluate(cfg: CfgNode, trust_pickle: bool = False) -> Results:
    """Evaluates ``MODEL.WEIGHTS`` on ``DATASETS.TEST``; returns and raises like :func:`train`."""
    cfg = with_device(cfg)
    coco.register_all(cfg.DATASETS.COCO)
    register_all()
    check_test_sets(cfg)
    with log_to(cfg.OUTPUT_DIR), speed_settings(cfg):
        model = build_model(cfg)
        SafeCheckpointer(model, trust_pickle=trust_pickle).load(cfg.MODEL.WEIGHTS, checkpointables=[])
        return dict(SynMixTrainer.test(cfg, model))


def prepare(cfg: CfgNode) -> tuple[CfgNode, Composition]:
    """The config with device and schedule settled, and the training set it describes; nothing is written.

    Raises:
        UserError: see :func:`train`.
    """
    check_values(cfg)
    cfg = with_device(cfg)
    composition = compose(CompositionSpec.from_config(cfg))
    register_all()
    check_classes(cfg, cfg.DATASETS.TRAIN)
    check_test_sets(cfg)
    resolve_schedule(cfg, composition.num_images)
    cfg.freeze()
    return cfg, composition


def with_device(cfg: CfgNode) -> CfgNode:
    """A copy of the config; without a GPU ``MODEL.DEVICE`` becomes ``cpu``."""
    cfg = cfg.clone()
    cfg.defrost()
    if cfg.MODEL.DEVICE.startswith("cuda") and not torch.cuda.is_available():
        cfg.MODEL.DEVICE = "cpu"
    return cfg


def check_test_sets(cfg: CfgNode) -> None:
    """Looks at the data sets to evaluate on before hours are spent on training.

    Raises:
        UserError: an unknown data set, its files are not there, or it has other classes than the model.
    """
    check_classes(cfg, cfg.DATASETS.TEST)
    for name in cfg.DATASETS.TEST:
        sources.source(name).table()


def check_classes(cfg: CfgNode, data_sets: Iterable[str]) -> None:
    """Compares the model's number of classes with that of data sets.

    Raises:
        UserError: they differ, or a data set is unknown.
    """
    heads = cfg.MODEL.ROI_HEADS.NUM_CLASSES
    for name in data_sets:
        classes = sources.source(name).metadata.get("thing_classes", CLASS_NAMES)
        if len(classes) != heads and cfg.MODEL.META_ARCHITECTURE == "GeneralizedRCNN":  # others count elsewhere
            raise UserError(
                f"MODEL.ROI_HEADS.NUM_CLASSES is {heads}, but '{name}' has {len(classes)} classes; give {len(classes)}."
            )


def _lay_beside_published(cfg: CfgNode, results: Results) -> None:
    for name, metric, published, where in cfg.TEST.PUBLISHED:
        task, _, figure = metric.partition("/")
        ours = results.get(name, {}).get(task, {}).get(figure)
        if ours is not None:
            logger.info("%s %s: %.1f; the paper has %.1f (%s)", name, metric, ours, published, where)


def _claim_folder(cfg: CfgNode, composition: Composition, resume: bool) -> None:
    """Notes config and manifest in ``OUTPUT_DIR``, unless it holds another training."""
    folder = Path(cfg.OUTPUT_DIR)
    started = bool(SafeCheckpointer(torch.nn.Module(), str(folder)).entries())
    if started and not resume:
        raise UserError(
            f"OUTPUT_DIR '{folder}' already holds a training; add --resume to go on, or give another folder."
        )
    manifest = composition.manifest()
    if started:
        check_manifest(folder / "manifest.json", manifest)
    comm.synchronize()
    if comm.is_main_process():
        write_manifest(folder / "manifest.json", manifest)
        with atomic_path(folder / "config.yaml") as temporary:
            temporary.write_text(cfg.dump())
    comm.synchronize()


def _sentence_only(record: logging.LogRecord) -> bool:
    """Leaves the traceback out of the log where the user's own mistake stopped a training: the sentence follows."""
    if record.exc_info and isinstance(record.exc_info[1], UserError):
        record.exc_info = record.exc_text = None
    return True


@contextmanager
def log_to(folder: str) -> Iterator[None]:
    """The loggers of Detectron2 and this project write to ``<folder>/log.txt`` within, and are as before afterwards."""
    names = ("detectron2", "fvcore", "synmix")
    before = {name: (list(logging.getLogger(name).handlers), logging.getLogger(name).level) for name in names}
    loop = logging.getLogger("detectron2.engine.train_loop")
    loop.addFilter(_sentence_only)
    setup_logger.cache_clear()  # it remembers folders, and would not open a log file a second time
    for name in names:
        setup_logger(folder, distributed_rank=comm.get_rank(), name=name, abbrev_name=name)
    try:
        yield
    finally:
        loop.removeFilter(_sentence_only)
        for name, (handlers, level) in before.items():
            named = logging.getLogger(name)
            for handler in set(named.handlers) - set(handlers):
                named.removeHandler(handler)
            named.setLevel(level)


@contextmanager
def speed_settings(cfg: CfgNode) -> Iterator[None]:
    """The backends' global switches as the config says, within; as before afterwards."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = cfg.CUDNN_BENCHMARK, cfg.SPEED.TF32, cfg.SPEED.TF32
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before

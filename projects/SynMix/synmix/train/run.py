"""A whole training from a config: compose, check, train, evaluate. Can be called again and again in one process."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from detectron2.utils.logger import setup_logger

from synmix.compose.budget import describe_schedule, resolve_schedule
from synmix.compose.composition import Composition, CompositionSpec, compose
from synmix.compose.manifest_text import summary
from synmix.config import check_values, import_plugins
from synmix.config_classes import number_of_classes
from synmix.data import classes, coco, sources
from synmix.data.catalog import register_all
from synmix.errors import UserError
from synmix.train.checkpoint import trained_model
from synmix.train.ending import Results, ending
from synmix.train.folder import agree, claim, claim_results, hold, numbers_checksum
from synmix.train.launch import check_device
from synmix.train.signals import listening
from synmix.train.speed import speed_settings
from synmix.train.trainer import SynMixTrainer, note_weights
from synmix.train.writers import check_writers

logger = logging.getLogger(__name__)


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
    with listening() as stop:
        with first_on_each_machine():
            cfg, composition = prepare(cfg)
        with hold(cfg.OUTPUT_DIR) as folder, log_to(cfg.OUTPUT_DIR), speed_settings(cfg):
            manifest = composition.manifest()
            claim(cfg, folder, manifest, resume)
            logger.info("what is trained on:\n%s", summary(manifest))
            logger.info(describe_schedule(cfg, composition.num_images))
            for warning in composition.warnings():
                logger.warning(warning)
            trainer = SynMixTrainer(cfg, composition.dicts(), trust_pickle, stop)
            trainer.resume_or_load(resume)
            agree(_facts(cfg, trainer, manifest), folder)
            results = trainer.train()
            _lay_beside_published(cfg, results)
            _say_end(folder, results)
            return results


def _facts(cfg: CfgNode, trainer: SynMixTrainer, manifest: dict[str, Any]) -> dict[str, Any]:
    """What all ranks must be about to do alike."""
    return {
        "the first iteration": trainer.start_iter,
        "the weights to begin with": trainer.checkpointer.loaded.get("sha256", "none")[:12],
        "the training set": manifest["checksum"][:12],
        "the config": numbers_checksum(cfg)[:12],
    }


def _say_end(folder: Path, results: Results) -> None:
    """The last lines of a training: what it reaches, and where the weights are."""
    if not comm.is_main_process():
        return
    end = ending(folder, results)
    for name, found in end["evaluated"].items():
        interval = " (interval {:.1f} to {:.1f})".format(*found["interval"]) if found["interval"] else ""
        aps = (f"{task}/AP {figures['AP']:.1f}" for task, figures in found["figures"].items() if "AP" in figures)
        logger.info("%s: %s%s", name, ", ".join(aps) or "evaluated", interval)
    logger.info("weights: %s (sha256 %s)", end["weights"]["file"], end["weights"]["sha256"][:12])


@dataclass(frozen=True)
class Evaluation:
    """What a checkpoint is worth, on the main process; empty on others."""

    figures: Results  # as of :func:`train`
    results: dict[str, Any]  # by data set, what its evaluator calls ``result``; left out where it has none
    weights: dict[str, str]  # "file" and "sha256"; {} of a network as it is initialised


def evaluate(
    cfg: CfgNode,
    trust_pickle: bool = False,
    untrained: bool = False,
    observe: Callable[[str, DatasetEvaluator], None] = lambda name, evaluator: None,
) -> Evaluation:
    """Evaluates ``MODEL.WEIGHTS`` on ``DATASETS.TEST`` and writes ``OUTPUT_DIR/results``; raises like :func:`train`.

    Args:
        untrained: the network as it is initialised is meant, and ``MODEL.WEIGHTS`` is empty for that reason.
        observe: is shown each data set's evaluator before any image, to add observers to it.
    """
    import_plugins(cfg)
    cfg = with_device(cfg)
    if not (cfg.MODEL.WEIGHTS or untrained):
        raise UserError(
            "MODEL.WEIGHTS is empty, so there is nothing to evaluate; give a checkpoint: MODEL.WEIGHTS FILE."
        )
    with listening():
        with first_on_each_machine():
            coco.register_all(cfg.DATASETS.COCO, cfg.DATASETS.CLASSES)
            register_all()
            check_test_sets(cfg)
        with hold(cfg.OUTPUT_DIR) as folder, log_to(cfg.OUTPUT_DIR), speed_settings(cfg):
            model, weights = trained_model(cfg, trust_pickle)
            claim_results(folder, weights, cfg.DATASETS.TEST)
            evaluators = {name: SynMixTrainer.build_evaluator(cfg, name) for name in cfg.DATASETS.TEST}
            note_weights(list(evaluators.values()), weights)
            for name, evaluator in evaluators.items():
                observe(name, evaluator)
            figures = dict(SynMixTrainer.test(cfg, model, list(evaluators.values())))
            found = {name: getattr(evaluator, "result", None) for name, evaluator in evaluators.items()}
            results = {name: result for name, result in found.items() if result is not None}
            return Evaluation(figures, results, weights)


def prepare(cfg: CfgNode) -> tuple[CfgNode, Composition]:
    """The config with device and schedule settled, and the training set it describes; nothing is written.

    Raises:
        UserError: see :func:`train`.
    """
    import_plugins(cfg)  # here: processes that a study or a launcher started have not read the config's file
    check_values(cfg)
    check_writers(cfg)
    cfg = with_device(cfg)
    composition = compose(CompositionSpec.from_config(cfg))
    register_all()
    check_classes(cfg, cfg.DATASETS.TRAIN)
    check_test_sets(cfg)
    resolve_schedule(cfg, composition.num_images)
    cfg.freeze()
    return cfg, composition


def with_device(cfg: CfgNode) -> CfgNode:
    """A copy of the config whose ``MODEL.DEVICE`` is here.

    Raises:
        UserError: it asks for a GPU where none is: training on the CPU instead would take months.
    """
    check_device(cfg.MODEL.DEVICE)
    cfg = cfg.clone()
    cfg.defrost()
    return cfg


@contextmanager
def first_on_each_machine() -> Iterator[None]:
    """The first process of each machine runs what is within before the others do: they find its caches made."""
    if comm.get_local_rank():
        comm.synchronize()
    yield
    if not comm.get_local_rank():
        comm.synchronize()


def check_test_sets(cfg: CfgNode) -> None:
    """Looks at the data sets to evaluate on before hours are spent on training.

    Raises:
        UserError: an unknown data set, its files are not there, or it has other classes than the model.
    """
    check_classes(cfg, cfg.DATASETS.TEST)
    members = [sources.source(name) for name in cfg.DATASETS.TEST]
    for member in members:
        member.table()
        if cfg.DATASETS.CLASSES and not set(cfg.DATASETS.CLASSES) & set(classes.known_classes(member)):
            raise UserError(
                f"'{member.name}' has none of the classes {', '.join(cfg.DATASETS.CLASSES)} of DATASETS.CLASSES, so "
                "that nothing can be scored there; take it out of DATASETS.TEST."
            )
    registered = set(sources.names()) if cfg.DATASETS.CLASSES else set()
    trained = [sources.source(name) for name in cfg.DATASETS.TRAIN if name in registered]
    if members and all(member.found is None for member in trained):  # an evaluation needs no training set's files
        classes.check_known(cfg.DATASETS.CLASSES, [*members, *trained])


def check_classes(cfg: CfgNode, data_sets: Iterable[str]) -> None:
    """Compares the model's number of classes with that of data sets.

    Raises:
        UserError: they differ, or a data set is unknown.
    """
    key, number = number_of_classes(cfg)
    for name in data_sets:
        count = len(classes.names_of(sources.source(name), cfg.DATASETS.CLASSES))
        if key and count != number:
            raise UserError(f"{key} is {number}, but '{name}' has {count} classes; give {count}.")


def _lay_beside_published(cfg: CfgNode, results: Results) -> None:
    for name, metric, published, where in cfg.TEST.PUBLISHED:
        task, _, figure = metric.partition("/")
        ours = results.get(name, {}).get(task, {}).get(figure)
        if ours is not None:
            logger.info("%s %s: %.1f; the paper has %.1f (%s)", name, metric, ours, published, where)


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

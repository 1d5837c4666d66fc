"""The trainer: Detectron2's ``DefaultTrainer`` on a composed training set, resumable to the bit."""

import logging
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer, TrainerBase, hooks
from detectron2.engine.defaults import create_ddp_model
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from detectron2.utils.events import EventWriter
from torch import nn

from synmix.config import build_model
from synmix.data import compiled
from synmix.evaluators import EVALUATORS as EVALUATORS  # for plugins that look for it here
from synmix.evaluators import build_evaluator
from synmix.train import memory
from synmix.train.checkpoint import FINAL, SafeCheckpointer
from synmix.train.folder import check_same_run
from synmix.train.hooks import (
    Best,
    Checkpoints,
    Evaluation,
    Metrics,
    MetricsFile,
    OrderlyEnd,
    restore_storage,
    storage_state,
)
from synmix.train.loader import EvaluationBatches, build_loader, build_test_loader
from synmix.train.missing_classes import leave_out_missing
from synmix.train.optimizers import build_optimizer
from synmix.train.overlap import Overlapped
from synmix.train.parts.quick import quicken
from synmix.train.pictures import draw_inputs, draw_predictions
from synmix.train.sampler import model_seed
from synmix.train.signals import Stop
from synmix.train.speed import amp_dtype, inference, profiler
from synmix.train.step import GuardedStep
from synmix.train.weights import Fit
from synmix.train.writers import ProgressLine, open_writers

logger = logging.getLogger(__name__)


class SynMixTrainer(DefaultTrainer):
    """Trains on given dicts; everything but those and the steps is Detectron2's.

    Args:
        cfg: a whole config whose schedule is resolved (``compose.budget.resolve_schedule``).
        records: the training set's Detectron2 dicts.
        trust_pickle: see :class:`SafeCheckpointer`.
        stop: what hears the signals that end it early.
    """

    def __init__(
        self, cfg: CfgNode, records: Sequence[dict[str, Any]], trust_pickle: bool = False, stop: Stop | None = None
    ) -> None:
        TrainerBase.__init__(self)
        self._stop = stop or Stop()
        self.cfg = cfg
        self.records = records
        self.seed = cfg.SEED if cfg.SEED >= 0 else comm.shared_random_seed()
        torch.manual_seed(model_seed(self.seed))
        model = self.build_model(cfg)
        leave_out_missing(cfg, model)
        optimizer = self.build_optimizer(cfg, model)
        self._trainer = GuardedStep(
            wrap_model(cfg, model),
            optimizer,
            accumulate=cfg.SOLVER.ACCUMULATE,
            amp=amp_dtype(cfg),
            seed=self.seed,
            data_sets=tuple(cfg.DATASETS.TRAIN),
        )
        self.scheduler = self.build_lr_scheduler(cfg, optimizer)
        self.start_iter = 0
        self.max_iter = cfg.SOLVER.MAX_ITER
        #: What the training began with: {"file", "sha256"}; {} from scratch.
        self.origin: dict[str, str] = {}
        self._storage_state: dict[str, Any] | None = None
        self._last_eval_results: dict[str, Any] = {}
        self.checkpointer = SafeCheckpointer(
            model, cfg.OUTPUT_DIR, trust_pickle=trust_pickle, trainer=weakref.proxy(self)
        )
        self.register_hooks(self.build_hooks())

    def build_hooks(self) -> list[hooks.HookBase | None]:
        """Detectron2's hooks, with our own in the place of some."""
        cfg = self.cfg
        me = weakref.proxy(self)  # hooks that held the trainer would keep it, and its memory, alive
        checkpoints = (
            self.checkpointer,
            cfg.SOLVER.CHECKPOINT_PERIOD,
            cfg.TEST.EVAL_PERIOD,
            cfg.SOLVER.KEEP_CHECKPOINTS,
        )
        step = self._trainer
        main = comm.is_main_process()
        best = cfg.TEST.BEST_METRIC
        return [
            hooks.IterationTimer(),
            profiler(cfg),
            hooks.LRScheduler(),
            Checkpoints(*checkpoints) if main else None,
            Evaluation(cfg.TEST.EVAL_PERIOD, lambda: me._evaluate(), self._stop),
            Best(self.checkpointer, best) if main and best else None,
            Checkpoints(*checkpoints, after_evaluation=True) if main else None,
            OrderlyEnd(self.checkpointer, self._stop, step.request_stop, lambda: step.stop_agreed),
            Metrics(lambda: me.build_writers(), cfg.LOG.PERIOD) if main else None,
        ]

    @classmethod
    def build_model(cls, cfg: CfgNode) -> nn.Module:
        """Detectron2's model, with the ``SPEED`` keys applied; its repr goes to the log at debug level only."""
        model = build_model(cfg)
        if cfg.SPEED.CHANNELS_LAST:
            model = model.to(memory_format=torch.channels_last)
        if cfg.SPEED.COMPILE_BACKBONE:
            model.backbone.compile(dynamic=True)  # in place: names in checkpoints stay as they are
        if quicken(model, cfg.SOLVER.MAX_ITER):
            compiled.load()  # numba is there already, so that its code may as well read the images
        logger.debug("model:\n%s", model)
        return model

    @classmethod
    def build_optimizer(cls, cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
        """See :func:`synmix.train.optimizers.build_optimizer`; a trainer of one's own can have another."""
        return build_optimizer(cfg, model)

    def build_writers(self) -> list[EventWriter]:
        """The progress line, ``metrics.json`` as Detectron2 writes it, and those of ``LOG.WRITERS``."""
        folder = Path(self.cfg.OUTPUT_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        writers: list[EventWriter] = [ProgressLine(self.max_iter, self.cfg.SOLVER.IMS_PER_BATCH)]
        writers.append(MetricsFile(folder / "metrics.json", self.start_iter, self.cfg.LOG.PERIOD))
        return [*writers, *open_writers(self.cfg, self.start_iter)]

    def resume_or_load(self, resume: bool = True) -> None:
        """Goes on from the latest whole checkpoint of ``OUTPUT_DIR``, or loads ``MODEL.WEIGHTS``."""
        path = self.checkpointer.get_checkpoint_file() if resume else ""
        if path:
            self.checkpointer.load(path)
            self.start_iter = self.iter + 1
        else:
            fit: Fit = "partial" if self.cfg.MODEL.PARTIAL_WEIGHTS else "start"
            self.checkpointer.load(self.cfg.MODEL.WEIGHTS, checkpointables=[], fit=fit)
            self.origin = self.checkpointer.loaded

    def train(self) -> dict[str, Any]:
        """Trains to the end and evaluates.

        Returns:
            figures of each data set of ``DATASETS.TEST`` on the main process, else {}.

        Raises:
            TrainingDiverged: see :class:`GuardedStep`.
            TrainingInterrupted: a signal came; the state is saved.
        """
        try:
            with self._stop.deferred():
                TrainerBase.train(self, self.start_iter, self.max_iter)
        finally:
            for hook in self._hooks:
                if isinstance(hook, Metrics):
                    hook.close()
        if self._trainer.replaced:
            logger.warning("%d images could not be read and were replaced by others", self._trainer.replaced)
        return self._last_eval_results

    def run_step(self) -> None:
        """One step; see :class:`GuardedStep`."""
        self._trainer.iter = self.iter
        self._trainer.run_step()

    def before_train(self) -> None:
        """Opens the data at the right place, then runs the hooks."""
        if self._storage_state:
            restore_storage(self.storage, self._storage_state)
        self._trainer.iter = self.start_iter
        self._trainer.seed = self.seed
        with self._stop.at_once():
            self._open_data()
        super().before_train()

    def _open_data(self) -> None:
        self.data_loader = build_loader(self.cfg, self.records, self.seed, self.start_iter)
        if self.cfg.LOG.PICTURES and comm.is_main_process():
            keys = [key for batch in islice(self.data_loader.batch_sampler, self.cfg.LOG.PICTURES) for key in batch]
            mapped = [self.data_loader.dataset[key] for key in keys[: self.cfg.LOG.PICTURES]]
            readable = [record for record in mapped if "image" in record]
            draw_inputs(self.cfg, readable, self._pictures / f"inputs_{self.start_iter:07d}.jpg")

    @property
    def _pictures(self) -> Path:
        return Path(self.cfg.OUTPUT_DIR) / "pictures"

    def _evaluate(self) -> dict[str, Any]:
        if not self.cfg.DATASETS.TEST:
            return {}
        evaluators = [self.build_evaluator(self.cfg, name) for name in self.cfg.DATASETS.TEST]
        note_weights(evaluators, self._saved_now())
        with memory.stage("evaluation"):
            self._last_eval_results = self.test(self.cfg, self.model, evaluators)
        if self.cfg.LOG.PICTURES and comm.is_main_process():
            models = {"predictions": self.checkpointer.model}
            draw_predictions(self.cfg, models, self._pictures / f"predictions_{self.iter:07d}.jpg")
        return self._last_eval_results if len(self._last_eval_results) > 1 else _only(self._last_eval_results)

    def _saved_now(self) -> dict[str, Any]:
        """The checkpoint of the weights as they are now, which were saved before they are evaluated; {} without one."""
        ended = self.iter >= self.max_iter
        file = f"{FINAL}.pth" if ended else f"model_{self.iter:07d}.pth"
        listed = self.checkpointer.entries() if comm.is_main_process() else []
        return next((entry for entry in reversed(listed) if entry["file"] == file), {})

    @classmethod
    def test(cls, cfg: CfgNode, model: nn.Module, evaluators: Sequence[DatasetEvaluator] | None = None) -> dict:
        """Evaluates every data set of ``DATASETS.TEST``; unlike Detectron2 always by name, also a single one."""
        if evaluators is None:
            evaluators = [cls.build_evaluator(cfg, name) for name in cfg.DATASETS.TEST]
        with ExitStack() as threads, inference(cfg):
            beside = [threads.enter_context(Overlapped(evaluator, lambda: inference(cfg))) for evaluator in evaluators]
            results = super().test(cfg, model, beside)
        return OrderedDict({cfg.DATASETS.TEST[0]: results}) if len(cfg.DATASETS.TEST) == 1 else results

    @classmethod
    def build_test_loader(cls, cfg: CfgNode, dataset_name: str) -> EvaluationBatches:
        """The images of a data set to evaluate on."""
        return build_test_loader(cfg, dataset_name)

    @classmethod
    def build_evaluator(cls, cfg: CfgNode, dataset_name: str) -> DatasetEvaluator:
        """What scores a data set; see :mod:`synmix.evaluators`."""
        return build_evaluator(cfg, dataset_name)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs beside the weights."""
        return {
            **super().state_dict(),
            "step": self._trainer.state_dict(),
            "storage": storage_state(self.storage),
            "seed": self.seed,
            "parts": self._parts,
            "origin": self.origin,
        }

    @property
    def _parts(self) -> int:
        """Into how many parts a batch is divided, over all processes: what decides the numbers."""
        return comm.get_world_size() * self.cfg.SOLVER.ACCUMULATE

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes back to a saved state."""
        super().load_state_dict(state_dict)
        self._trainer.load_state_dict(state_dict["step"])
        self._storage_state = state_dict["storage"]
        self.seed, self.origin = state_dict["seed"], state_dict.get("origin", {})
        check_same_run(state_dict, self.cfg, self._parts)


def note_weights(evaluators: Sequence[DatasetEvaluator], weights: dict[str, Any]) -> None:
    """Lets results say what they are of; an evaluator's ``source`` is what it notes."""
    for evaluator in evaluators:
        source = getattr(evaluator, "source", None)
        if weights and isinstance(source, dict):
            source["weights"] = weights


def _only(results: dict[str, Any]) -> dict[str, Any]:
    """A single data set's figures without its name, as Detectron2 logs them."""
    return next(iter(results.values()), {})


def wrap_model(cfg: CfgNode, model: nn.Module) -> nn.Module:
    """The model as the processes share it; on the CPU without device ids, which gloo refuses."""
    if comm.get_world_size() == 1:
        return model
    on_gpu = next(model.parameters()).is_cuda
    return create_ddp_model(model, broadcast_buffers=False, **({} if on_gpu else {"device_ids": None}))

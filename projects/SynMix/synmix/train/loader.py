"""The data as batches: for training in an order and with augmentations that depend on nothing but the seed, and for
evaluation one image after the other. An image that cannot be read ends either with a sentence that names it."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any

import cv2
import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetFromList, DatasetMapper, MapDataset, get_detection_dataset_dicts
from detectron2.data.detection_utils import SizeMismatchError
from detectron2.data.samplers import InferenceSampler
from detectron2.utils import comm
from PIL import Image, UnidentifiedImageError

from synmix.data.mapper import SynMixMapper
from synmix.errors import UserError
from synmix.progress import process_context
from synmix.train.sampler import BatchSampler, copies_of, identity, image_seed
from synmix.train.signals import shield_worker, shielded

#: The last two are Pillow's: a broken PNG chunk, and a header that asks for gigabytes.
_UNREADABLE = (UserError, OSError, UnidentifiedImageError, SizeMismatchError, SyntaxError, Image.DecompressionBombError)
#: Makes a model's input of a Detectron2 dict.
Mapper = Callable[[dict[str, Any]], dict[str, Any]]
_TRIES = 10  # replacements for one image, before the data set is given up


class TrainingImages(torch.utils.data.Dataset):
    """Images by (epoch, index), mapped under a random state of their own.

    Args:
        records: Detectron2 dicts.
        mapper: maps one dict; it may draw from NumPy's and Python's global generators.
        seed: of all augmentations.
        on_damaged: ``"stop"`` the run at an image that cannot be read, or ``"replace"`` it by another of its data set.
    """

    def __init__(
        self,
        records: Sequence[dict[str, Any]],
        mapper: Mapper,
        seed: int,
        on_damaged: str = "stop",
    ) -> None:
        self.copies = copies_of(records)
        self.members: dict[str, list[int]] = {}
        for index, record in enumerate(records):
            self.members.setdefault(identity(record)[0], []).append(index)
        self.records = DatasetFromList(list(records), copy=False)  # one block of memory that workers share
        self.mapper = mapper
        self.seed = seed
        self.replace = on_damaged == "replace"

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The mapped dict. A replacement carries ``replaces``: what could not be read, and why. Where nothing can be
        given, the dict holds only ``failure``, the sentence for the user: a worker process cannot raise it unspoilt."""
        epoch, index = key
        damaged: list[str] = []
        for _ in range(_TRIES):
            record = self.records[index]
            try:
                mapped = self._mapped(record, epoch, index)
            except _UNREADABLE as error:
                problem = _problem(record, error)
                if not self.replace:
                    return {"failure": f"{problem} (DATALOADER.ON_DAMAGED replace trains on without it)"}
                damaged.append(problem)
                index = self._another(record, epoch, index)
            else:
                return mapped | {"replaces": damaged} if damaged else mapped
        return {"failure": f"{_TRIES} images in a row cannot be read, the first: {damaged[0]}"}

    def _mapped(self, record: dict[str, Any], epoch: int, index: int) -> dict[str, Any]:
        name = "/".join(identity(record))
        with seeded(image_seed(self.seed, epoch, name, self.copies[index])):
            mapped = self.mapper(record)
        if not isinstance(mapped, dict):
            kind = type(mapped).__name__
            raise UserError(f"INPUT.MAPPER made {kind} of '{record['file_name']}'; let it return a dict")
        return mapped

    def _another(self, record: dict[str, Any], epoch: int, index: int) -> int:
        """The next candidate of the same data set, so that the mix does not shift; the same on every machine."""
        members = self.members[identity(record)[0]]
        drawn = np.random.default_rng([self.seed, epoch, index]).integers(len(members))
        return members[int(drawn)] if members[int(drawn)] != index else members[(int(drawn) + 1) % len(members)]


class EvaluationImages:
    """Maps a record as Detectron2 does for evaluation; where its image cannot be read the dict holds only ``failure``,
    as :class:`TrainingImages` has it."""

    def __init__(self, cfg: CfgNode) -> None:
        self._mapper = DatasetMapper(cfg, is_train=False)

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """The mapped dict."""
        try:
            return self._mapper(record)
        except _UNREADABLE as error:
            return {"failure": _problem(record, error)}


class _Mapped(MapDataset):
    """``MapDataset``, for spawned workers: unpickled there it brings this module first, hence what Detectron2 needs."""


class EvaluationBatches:
    """Batches of a loader over :class:`EvaluationImages`; raises where one holds a failure."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        with shielded():
            batches = iter(self._loader)
        for batch in batches:
            raise_failure(batch)
            yield batch


def raise_failure(batch: Iterable[dict[str, Any]]) -> None:
    """Raises the first failure of a batch.

    Raises:
        UserError: there is one.
    """
    for record in batch:
        if "failure" in record:
            raise UserError(record["failure"])


def _problem(record: dict[str, Any], error: Exception) -> str:
    return str(error) if record["file_name"] in str(error) else f"'{record['file_name']}': {error}"


@contextmanager
def seeded(seed: np.ndarray) -> Iterator[None]:
    """NumPy's and Python's global generators under a seed, and afterwards as they were."""
    state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002 - Detectron2's augmentations draw there
    np.random.seed(seed)  # noqa: NPY002
    random.seed(int(seed[0]))
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        random.setstate(python_state)


def as_list(batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No collation: Detectron2's models take lists of dicts."""
    return batch


class ShieldedLoader(torch.utils.data.DataLoader):
    """A loader whose workers outlive a signal to their process group."""

    def __iter__(self) -> Any:
        with shielded():
            return super().__iter__()


def check_shares(cfg: CfgNode, world_size: int) -> None:
    """Checks that all processes and parts get equally many images of a batch.

    Raises:
        UserError: they do not.
    """
    shares = world_size * cfg.SOLVER.ACCUMULATE
    if shares > cfg.SOLVER.IMS_PER_BATCH or cfg.SOLVER.IMS_PER_BATCH % shares:
        raise UserError(
            f"SOLVER.IMS_PER_BATCH is {cfg.SOLVER.IMS_PER_BATCH}, which {world_size} process(es) x SOLVER.ACCUMULATE "
            f"{cfg.SOLVER.ACCUMULATE} cannot share equally; make it a multiple of {shares}."
        )


def mapper_of(cfg: CfgNode) -> Mapper:
    """What maps training images: ``INPUT.MAPPER``, or this project's.

    Raises:
        UserError: there is none of this name.
    """
    name = cfg.INPUT.MAPPER
    if not name:
        return SynMixMapper.from_config(cfg)
    try:
        mapper: Mapper = resolve_name(name)(cfg)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise UserError(
            f"INPUT.MAPPER is '{name}', which does not make a mapper ({error}); give 'module:name'."
        ) from error
    return mapper


def build_loader(cfg: CfgNode, records: Sequence[dict[str, Any]], seed: int, start: int = 0) -> Any:
    """This process's endless batches, each a list of mapped dicts.

    Args:
        start: the iteration to begin at.

    Raises:
        UserError: the batch cannot be divided among processes and parts.
    """
    world_size = comm.get_world_size()
    check_shares(cfg, world_size)
    images = TrainingImages(records, mapper_of(cfg), seed, cfg.DATALOADER.ON_DAMAGED)
    batch_size = cfg.SOLVER.IMS_PER_BATCH // world_size
    sampler = BatchSampler(len(records), batch_size, seed, comm.get_rank(), world_size, start)
    return ShieldedLoader(images, batch_sampler=sampler, collate_fn=as_list, **worker_options(cfg))


def build_test_loader(cfg: CfgNode, name: str) -> EvaluationBatches:
    """This process's images of a data set to evaluate on, one a batch, as Detectron2's own test loader gives them."""
    records = get_detection_dataset_dicts(name, filter_empty=False)
    images = _Mapped(DatasetFromList(records, copy=False), EvaluationImages(cfg))
    sampler = InferenceSampler(len(records))
    return EvaluationBatches(ShieldedLoader(images, sampler=sampler, collate_fn=as_list, **worker_options(cfg)))


def worker_options(cfg: CfgNode) -> dict[str, Any]:
    """Arguments of a ``DataLoader``: its workers as the config says.

    The start method is always given. Otherwise workers begin as their parent has: in a spawned rank each would import
    and copy everything (docs/benchmarks/train.md), and in joblib's they cannot begin at all. Forked workers are safe
    here: they only decode and augment on the CPU, with threads of neither PyTorch nor OpenCV nor Polars.
    """
    loader = cfg.DATALOADER
    pinned = {"pin_memory": loader.PIN_MEMORY and cfg.MODEL.DEVICE.startswith("cuda")}
    if not loader.NUM_WORKERS:
        return {"num_workers": 0, **pinned}
    return {
        "num_workers": loader.NUM_WORKERS,
        "multiprocessing_context": process_context(loader.START_METHOD),
        "prefetch_factor": loader.PREFETCH,
        "worker_init_fn": begin_worker,
        **pinned,
    }


def begin_worker(number: int) -> None:
    """Settles a worker: OpenCV works in its one thread, as PyTorch does there already. (0 is none beside it; 1 would
    end the threads that a forked worker does not have, and crash.) Signals do not reach it."""
    cv2.setNumThreads(0)
    shield_worker(number)

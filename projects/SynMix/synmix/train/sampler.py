"""Which image comes when: a pure function of seed and position, so that a resumed run, another number of workers or
another number of processes sees the same order."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch


class BatchSampler:
    """The endless batches of one process. Epoch after epoch each image comes once, in an order drawn from (seed,
    epoch); batch i of the whole training holds positions ``i * total`` to ``(i + 1) * total`` of that stream, and
    process r of w takes the r-th of w equal slices of it.

    Args:
        num_images: length of an epoch.
        batch_size: images a process takes of each batch.
        start: the batch to begin with: the iteration to resume at.
    """

    def __init__(
        self, num_images: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1, start: int = 0
    ) -> None:
        self.num_images = num_images
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.start = start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yields batches of (epoch, index) pairs."""
        epoch, order = -1, torch.empty(0)
        iteration = self.start
        while True:
            first = (iteration * self.world_size + self.rank) * self.batch_size
            batch = []
            for position in range(first, first + self.batch_size):
                needed, offset = divmod(position, self.num_images)
                if needed != epoch:
                    epoch, order = needed, epoch_order(self.num_images, self.seed, needed)
                batch.append((epoch, int(order[offset])))
            yield batch
            iteration += 1


def epoch_order(num_images: int, seed: int, epoch: int) -> torch.Tensor:
    """The order of an epoch: a permutation of ``num_images``, (num_images,) int64."""
    generator = torch.Generator().manual_seed(_number("order", seed, epoch))
    return torch.randperm(num_images, generator=generator)


def step_seed(seed: int, iteration: int, part: int) -> int:
    """The seed of the model's own randomness (sampled proposals and points) in one part of one iteration."""
    return _number("step", seed, iteration, part)


def model_seed(seed: int) -> int:
    """The seed of a model's initial weights."""
    return _number("model", seed)


def image_seed(seed: int, epoch: int, image: str, copy: int) -> np.ndarray:
    """The seed of an image's augmentation in an epoch, four 32-bit words; ``copy`` counts its repeats in the set."""
    words = np.random.SeedSequence([seed, epoch, zlib.crc32(image.encode()), copy])
    return words.generate_state(4)


def copies_of(records: Sequence[dict[str, Any]]) -> list[int]:
    """For each dict, how often its image has come before in the list: repeats must not be augmented alike."""
    seen: dict[tuple[str, str], int] = {}
    copies = []
    for record in records:
        key = identity(record)
        copies.append(seen.get(key, 0))
        seen[key] = copies[-1] + 1
    return copies


def identity(record: dict[str, Any]) -> tuple[str, str]:
    """What an image is called in all epochs and on all machines: its data set and its id."""
    return str(record.get("dataset", "")), str(record["image_id"])


def _number(purpose: str, *parts: int) -> int:
    """A 63-bit number from integers, unlike for each purpose."""
    words = np.random.SeedSequence([zlib.crc32(purpose.encode()), *parts]).generate_state(2)
    return (int(words[0]) << 31) ^ int(words[1])

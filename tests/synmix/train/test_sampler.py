"""Processes and parts share a batch: together they take each of its images once."""

from itertools import chain

import pytest
import torch
from detectron2.utils.events import EventStorage
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from synmix.train.sampler import BatchSampler
from synmix.train.step import GuardedStep


def batches(count, *arguments, **keywords):
    stream = iter(BatchSampler(*arguments, **keywords))
    return [next(stream) for _ in range(count)]


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 5), st.integers(0, 50), st.integers(0, 3))
def test_ranks_take_the_slices_of_one_stream(images, share, ranks, start, seed):
    alone = batches(3, images, share * ranks, seed, start=start)
    shared = zip(*(batches(3, images, share, seed, rank, ranks, start) for rank in range(ranks)), strict=True)
    assert [list(chain(*slices)) for slices in shared] == alone


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 3))
def test_every_epoch_holds_every_image_once(images, size, seed):
    taken = list(chain(*batches(2 * images, images, size, seed)))
    for epoch in range(size):
        assert sorted(index for drawn, index in taken if drawn == epoch) == list(range(images))


class Recorder(nn.Module):
    """Notes the images of each forward pass."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.parts = []

    def forward(self, batch):
        self.parts.append([record["image_id"] for record in batch])
        return {"loss": self.weight.sum() * 0}


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_parts_share_a_batch(parts):
    model = Recorder()
    step = GuardedStep(model, torch.optim.SGD(model.parameters(), 0.1), accumulate=parts)
    step.data_loader, step.iter = [[{"image_id": number} for number in range(6)]], 0
    with EventStorage():
        step.run_step()
    assert [len(part) for part in model.parts] == [6 // parts] * parts
    assert list(chain(*model.parts)) == list(range(6))

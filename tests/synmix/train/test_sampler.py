"""Processes and parts share a batch: together they take each of its images once, and train as one."""

from contextlib import contextmanager
from itertools import chain

import numpy as np
import pytest
import torch
from detectron2.utils.events import EventStorage
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from synmix.train import step as step_module
from synmix.train.sampler import BatchSampler, copies_of, epoch_order, identity, image_seed, model_seed, step_seed
from synmix.train.step import GuardedStep, gradient_norm


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


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 3), st.integers(0, 9))
def test_a_later_start_goes_on_in_the_same_stream(images, size, seed, start):
    assert batches(3, images, size, seed, start=start) == batches(start + 3, images, size, seed)[start:]


def test_what_a_seed_draws_never_changes():
    """Golden: a change here would silently change every training, and what a resumed one goes on with."""
    assert batches(4, 5, 2, 7) == [[(0, 3), (0, 2)], [(0, 0), (0, 1)], [(0, 4), (1, 2)], [(1, 0), (1, 4)]]
    assert epoch_order(8, 0, 0).tolist() == [7, 2, 3, 1, 5, 6, 0, 4]
    assert epoch_order(8, 1, 2).tolist() == [1, 0, 4, 5, 2, 7, 3, 6]
    assert (step_seed(0, 0, 0), step_seed(1, 2, 3)) == (8014795113009081906, 4814642973730406838)
    assert (model_seed(0), model_seed(1)) == (2794445457270301721, 2329381020724649278)
    assert image_seed(3, 1, "aachen", 2).tolist() == [1307132871, 242991180, 2445171884, 3340463867]


def test_whatever_tells_images_and_steps_apart_tells_their_seeds_apart():
    images = [(0, 0, "a", 0), (1, 0, "a", 0), (0, 1, "a", 0), (0, 0, "b", 0), (0, 0, "a", 1)]
    assert len({tuple(image_seed(*each).tolist()) for each in images}) == 5
    assert len({step_seed(*each) for each in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))} | {model_seed(0)}) == 5


def test_repeats_of_an_image_are_counted_by_data_set():
    records = [{"dataset": name, "image_id": number} for name, number in ("a1", "a1", "b1", "a2", "a1", "b1", "a1")]
    assert copies_of(records) == [0, 1, 0, 0, 2, 1, 3]
    assert copies_of([]) == []
    assert identity({"image_id": 7}) == ("", "7")


class Recorder(nn.Module):
    """Two losses, the means of the images' values and squares times the weight; notes the images of each pass and a
    number that it draws."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.unused = nn.Parameter(torch.ones(1))
        self.parts, self.drawn = [], []

    def forward(self, batch):
        self.parts.append([record["image_id"] for record in batch])
        self.drawn.append(torch.rand(1).item())
        values = torch.tensor([float(record["image_id"]) for record in batch])
        return {"loss_a": (self.weight * values).mean(), "loss_b": (self.weight * values**2).mean()}


def take_steps(model, count=1, images=6, rate=0.1, **settings):
    """Steps on the same batch; the step and what it told the storage last."""
    step = GuardedStep(model, torch.optim.SGD(model.parameters(), rate), **settings)
    names = ("a", "b", "b")
    step.data_loader = [[{"image_id": n, "dataset": names[n % 3]} for n in range(images)]] * count
    with EventStorage() as storage:
        for step.iter in range(count):
            step.run_step()
    told = {name: value for name, (value, _) in storage.latest().items()}
    exact = {name for name, smoothed in storage.smoothing_hints().items() if not smoothed}
    assert exact == {name for name in told if name == "memory/training" or name.startswith("images/")}
    return step, told


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_parts_share_a_batch(parts):
    model = Recorder()
    take_steps(model, accumulate=parts)
    assert [len(part) for part in model.parts] == [6 // parts] * parts
    assert list(chain(*model.parts)) == list(range(6))


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
def test_parts_train_as_the_whole_batch_does(parts):
    model = Recorder()
    step, told = take_steps(model, accumulate=parts, data_sets=("a", "b", "c"))
    gradient = 15 / 6 + 55 / 6  # of the means over 0..5 and their squares, at weight 1 the losses too
    assert model.weight.item() == pytest.approx(1 - 0.1 * gradient)
    assert (told["loss_a"], told["loss_b"]) == pytest.approx((15 / 6, 55 / 6))
    assert (told["total_loss"], told["gradient_norm"]) == pytest.approx((gradient, gradient))
    assert {name: value for name, value in told.items() if "images/" in name} == {
        "images/a": 2, "images/b": 4, "images/c": 0,
    }  # fmt: skip
    assert 0 <= told["data_time"] < 1 and told["memory/training"] > 0
    assert not step.stop_agreed and step.replaced == 0


def test_a_step_is_one_part_and_seeded_with_0_unless_said_otherwise():
    plain, said = Recorder(), Recorder()
    step, told = take_steps(plain, 2)
    take_steps(said, 2, accumulate=1, seed=0, amp=None)
    assert plain.parts == said.parts == [list(range(6))] * 2 and plain.drawn == said.drawn
    assert step.seen == {} and not step.scaler.is_enabled() and not any("images/" in name for name in told)


def test_the_models_randomness_is_drawn_from_seed_iteration_and_part(monkeypatch):
    def draw(*position):
        torch.manual_seed(step_seed(*position))
        return torch.rand(1).item()

    model = Recorder()
    take_steps(model, 3, seed=4, accumulate=2)
    assert model.drawn == [draw(4, iteration, part) for iteration in range(3) for part in range(2)]
    second = Recorder()
    monkeypatch.setattr("detectron2.utils.comm.get_rank", lambda: 1)
    _, told = take_steps(second, seed=4, accumulate=2)  # of two processes with two parts each
    assert second.drawn == [draw(4, 0, part) for part in (2, 3)]
    assert told == {}  # the first tells for all


def test_a_stop_is_agreed_on_and_replaced_images_are_counted():
    step = GuardedStep(model := Recorder(), torch.optim.SGD(model.parameters(), 0.1), data_sets=("a",))
    records = [{"image_id": 1, "replaces": ("x is torn", "y is torn")}, {"image_id": 2, "dataset": "a"}]
    step.data_loader = [records] * 3
    with EventStorage():
        for step.iter in range(3):
            assert not step.stop_agreed
            if step.iter == 2:
                step.request_stop()
            step.run_step()
    assert step.stop_agreed and step.replaced == 6 and step.seen == {"a": 3}
    other = GuardedStep(model, torch.optim.SGD(model.parameters(), 0.1), data_sets=("a", "b"))
    other.load_state_dict(step.state_dict())
    assert other.replaced == 6 and other.seen == {"a": 3, "b": 0}


def test_what_processes_tell_each_other_is_put_together(monkeypatch):
    """The other process has three times our losses, twice our images and wants to stop."""

    def gather(gathered, own):
        gathered[0].copy_(own)
        gathered[1].copy_(torch.cat([3 * own[:5], own[5:6] + 9, own[6:7] + 1, own[7:8] + 2, own[8:9] + 1, 2 * own[9:]]))

    monkeypatch.setattr("detectron2.utils.comm.get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.all_gather", gather)
    step, told = take_steps(Recorder(), accumulate=2, data_sets=("a", "b"))
    assert (told["loss_a"], told["loss_b"]) == pytest.approx((2 * 15 / 6, 2 * 55 / 6))
    assert told["total_loss"] == pytest.approx(2 * 70 / 6) and told["gradient_norm"] == pytest.approx(70 / 6)
    assert 9 <= told["data_time"] < 10 and told["memory/training"] > 1
    assert step.seen == {"a": 6, "b": 12} and step.stop_agreed and step.replaced == 2


class Spread(Recorder):
    """Stands for a model that several processes share; notes in which passes it was told not to exchange."""

    quiet = False

    def __init__(self):
        super().__init__()
        self.exchanged = []

    @contextmanager
    def no_sync(self):
        self.quiet = True
        yield
        self.quiet = False

    def forward(self, batch):
        self.exchanged.append(not self.quiet)
        return super().forward(batch)


@pytest.mark.parametrize("parts", [1, 3])
def test_gradients_travel_once_a_step_with_its_last_part(monkeypatch, parts):
    monkeypatch.setattr(step_module, "DistributedDataParallel", Spread)
    model = Spread()
    take_steps(model, 2, accumulate=parts)
    assert model.exchanged == [*[False] * (parts - 1), True] * 2


def test_the_gradients_norm_is_that_of_all_that_there_are():
    model = Recorder()
    model.more = nn.Parameter(torch.ones(2, 2))
    model.weight.grad, model.more.grad = torch.tensor([3.0]), torch.tensor([[0.0, 4], [0, -12]])
    assert gradient_norm(model).item() == 13
    model.more.grad[0, 0] = np.nan
    assert not torch.isfinite(gradient_norm(model))

"""Scoring beside the network changes no figure, holds few images, and ends when it must."""

import gc
import os
import signal
import threading
import time
import weakref

import pytest
import torch
from detectron2.evaluation import DatasetEvaluator, inference_on_dataset

from synmix.data.catalog import register_all
from synmix.errors import UserError
from synmix.evaluate.evaluator import CityscapesInstanceEvaluator
from synmix.evaluators import EVALUATORS
from synmix.train import overlap
from synmix.train.overlap import WAITING, Overlapped
from synmix.train.run import evaluate, train
from synmix.train.signals import TrainingInterrupted, listening
from synmix.train.trainer import SynMixTrainer

IMAGES = 12


class Scorer(DatasetEvaluator):
    """A person's own evaluator: notes what it sees and where; ``at`` an image it does something else."""

    def __init__(self, at=None, action=None):
        self.seen, self.threads, self.modes = [], set(), set()
        self._at, self._action = at, action

    def reset(self):
        self.seen = []

    def process(self, inputs, outputs):
        if inputs[0] == self._at:
            self._action()
        self.seen.append((inputs[0], outputs[0].item()))
        self.threads.add(threading.current_thread().name)
        self.modes.add((torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")))

    def evaluate(self):
        return {"seen": list(self.seen)}


def network(inputs):
    return [torch.tensor(10 * inputs[0])]


BATCHES = [[number] for number in range(IMAGES)]


def test_the_same_in_the_same_order_and_again_after_reset():
    scorer = Scorer(at=0, action=lambda: time.sleep(0.05))
    with Overlapped(scorer) as beside:
        first = inference_on_dataset(network, BATCHES, beside)
        assert first == {"seen": [(number, 10 * number) for number in range(IMAGES)]}
        assert inference_on_dataset(network, BATCHES, beside) == first
    assert scorer.threads == {"scoring"}
    assert "scoring" not in [thread.name for thread in threading.enumerate()]


def test_reset_drops_what_waits_and_forgets_a_mistake():
    release = threading.Event()
    scorer = Scorer(at=0, action=lambda: release.wait(10))
    with Overlapped(scorer) as beside:
        beside.process([0], network([0]))
        beside.process([1], network([1]))
        threading.Timer(0.05, release.set).start()
        beside.reset()
        assert beside.evaluate() == {"seen": []}


def test_the_network_goes_on_while_an_image_is_scored():
    second_is_there, waited = threading.Event(), []
    scorer = Scorer(at=0, action=lambda: waited.append(second_is_there.wait(10)))

    def forward(inputs):
        if inputs[0] == 1:
            second_is_there.set()
        return network(inputs)

    with Overlapped(scorer) as beside:
        inference_on_dataset(forward, BATCHES, beside)
    assert waited == [True]


def test_a_slow_scorer_lets_few_outputs_live():
    alive, most = weakref.WeakSet(), 0

    class Slow(Scorer):
        def process(self, inputs, outputs):
            time.sleep(0.01)

    def forward(inputs):
        nonlocal most
        outputs = network(inputs)
        alive.add(outputs[0])
        most = max(most, len(alive))
        return outputs

    with Overlapped(Slow()) as beside:
        inference_on_dataset(forward, BATCHES, beside)
        assert most <= WAITING + 2  # one is scored, one has just been made
    assert not alive


def test_the_first_mistake_is_raised_as_it_is_and_nothing_is_scored_after_it():
    mistakes = [UserError(f"image {number} cannot be scored") for number in range(IMAGES)]

    class Strict(Scorer):
        def process(self, inputs, outputs):
            super().process(inputs, outputs)
            if inputs[0] >= 3:
                raise mistakes[inputs[0]]

    scorer = Strict()
    with pytest.raises(UserError) as raised, Overlapped(scorer) as beside:
        inference_on_dataset(network, BATCHES, beside)
    assert raised.value is mistakes[3]
    assert [number for number, _ in scorer.seen] == [0, 1, 2, 3]
    assert raised.traceback[-1].name == "process"


def test_a_mistake_in_the_last_image_is_raised_too():
    def fail():
        raise ValueError("the last one")

    with pytest.raises(ValueError, match="the last one"), Overlapped(Scorer(IMAGES - 1, fail)) as beside:
        inference_on_dataset(network, BATCHES, beside)


def test_a_mistake_keeps_nothing_alive():
    def fail():
        raise ValueError("once")

    beside = Overlapped(Scorer(0, fail))
    gone = weakref.ref(beside)
    gc.disable()
    try:
        with pytest.raises(ValueError, match="once") as raised, beside:
            inference_on_dataset(network, BATCHES, beside)
        del beside, raised
        assert gone() is None
    finally:
        gc.enable()


def test_the_networks_failure_ends_the_thread_and_drops_what_waits():
    begun = threading.Event()

    def forward(inputs):
        if inputs[0] == 2:
            begun.wait(10)
            raise RuntimeError("out of memory")
        return network(inputs)

    def begin():
        begun.set()
        time.sleep(0.2)

    scorer = Scorer(at=0, action=begin)
    with pytest.raises(RuntimeError, match="out of memory"), Overlapped(scorer) as beside:
        inference_on_dataset(forward, BATCHES, beside)
    assert [number for number, _ in scorer.seen] == [0]
    assert "scoring" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("hung", [0, IMAGES - 1])  # the network waits for a place; all is handed in
def test_a_signal_ends_it_though_the_scorer_hangs(hung, monkeypatch):
    monkeypatch.setattr(overlap, "_GRACE", 0.1)
    release = threading.Event()

    def hang():
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        release.wait(60)

    started = time.monotonic()
    with pytest.raises(TrainingInterrupted), listening(), Overlapped(Scorer(hung, hang)) as beside:
        inference_on_dataset(network, BATCHES, beside)
    assert time.monotonic() - started < 10
    release.set()


@pytest.mark.parametrize("half", [False, True])
def test_the_trainer_lets_any_evaluator_score_beside_and_in_its_own_modes(toy, half, monkeypatch):
    scorers = []

    class Own(Scorer):
        def process(self, inputs, outputs):
            super().process([inputs[0]["image_id"]], [outputs[0]["instances"].scores])

    def make(cfg, name):
        scorers.append(Own())
        return scorers[-1]

    monkeypatch.setitem(EVALUATORS, "synmix", make)
    toy.DATASETS.TEST, toy.TEST.AMP = ("toy_val",), half
    model = SynMixTrainer.build_model(toy)
    register_all()
    found = SynMixTrainer.test(toy, model)
    assert len(found["toy_val"]["seen"]) == 3
    (scorer,) = scorers
    assert scorer.threads == {"scoring"}
    assert scorer.modes == {(True, half)}


def test_a_result_is_that_of_scoring_in_between(toy, tmp_path, monkeypatch):
    toy.DATASETS.TEST = ("toy_val",)
    trained = train(toy)["toy_val"]["segm"]
    toy.MODEL.WEIGHTS = f"{toy.OUTPUT_DIR}/model_final.pth"
    found = {}
    for name in ("beside", "between"):
        toy.OUTPUT_DIR = str(tmp_path / name)
        if name == "between":
            monkeypatch.setattr(Overlapped, "process", lambda self, *batch: self._evaluator.process(*batch))
        done = evaluate(toy)
        assert repr(done.figures["toy_val"]["segm"]) == repr(trained)  # nan is not nan
        found[name] = done.results["toy_val"].table
    assert found["beside"].score.tobytes() == found["between"].score.tobytes()
    assert found["beside"].outcome.tobytes() == found["between"].outcome.tobytes()


def test_an_evaluation_that_cannot_go_on_ends_with_its_sentence(toy, monkeypatch):
    def refuse(self, inputs, outputs):
        raise UserError("the ground truth is damaged")

    toy.DATASETS.TEST = ("toy_val",)
    monkeypatch.setattr(CityscapesInstanceEvaluator, "process", refuse)
    with pytest.raises(UserError, match="the ground truth is damaged"):
        evaluate(toy, untrained=True)

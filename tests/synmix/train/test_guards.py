"""What must stop a training does, in time and with a sentence; what must not, does not."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from detectron2.engine import launch  # noqa: F401 - the real thing must be importable
from detectron2.utils.events import EventStorage
from torch import nn

from synmix.config import load_config
from synmix.data import sources
from synmix.errors import UserError
from synmix.train.launch import settle_processes
from synmix.train.loader import TrainingImages, check_shares
from synmix.train.preflight import preflight
from synmix.train.run import check_classes, evaluate, prepare, train
from synmix.train.step import GuardedStep, TrainingDiverged


def poison(monkeypatch, what: str) -> None:
    """From iteration 4 on the model gives a loss or a gradient that is not finite."""
    from detectron2.modeling import META_ARCH_REGISTRY
    from detectron2.utils.events import get_event_storage

    detector = META_ARCH_REGISTRY.get("TinyDetector")
    original = detector.forward

    def forward(self, batch):
        losses = original(self, batch)
        if self.training and get_event_storage().iter >= 4:
            if what == "proposals":  # as Detectron2's region proposals do
                raise FloatingPointError("Predicted boxes or scores contain Inf/NaN. Training has diverged.")
            bad = self.head.weight.sum() * 0
            losses["loss_noise"] = bad / bad if what == "loss" else torch.sqrt(bad.abs())  # its gradient is infinite
        return losses

    monkeypatch.setattr(detector, "forward", forward)


@pytest.mark.parametrize("what", ["loss", "gradient", "proposals"])
def test_a_non_finite_step_is_never_taken(toy, monkeypatch, what):
    poison(monkeypatch, what)
    toy.SOLVER.CHECKPOINT_PERIOD = 1
    with pytest.raises(TrainingDiverged, match=r"iteration 4.*toy_000000_0000"):
        train(toy)
    saved = torch.load(Path(toy.OUTPUT_DIR) / "model_0000003.pth", weights_only=True)
    assert all(torch.isfinite(value).all() for value in saved["model"].values())
    assert not (Path(toy.OUTPUT_DIR) / "model_0000004.pth").exists()


@pytest.mark.parametrize(("what", "named"), [("loss", "loss_noise nan became"), ("gradient", "the gradient became")])
def test_what_is_not_finite_is_named(toy, monkeypatch, what, named):
    poison(monkeypatch, what)
    with pytest.raises(TrainingDiverged, match=f"^{named} infinite or not a number in iteration 4"):
        train(toy)


class Steep(nn.Module):
    """A loss of this slope; without one, of a gradient that is infinite whatever it is scaled by."""

    def __init__(self, slope=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.slope = slope

    def forward(self, batch):
        return {"loss_steep": (self.weight.sqrt() if self.slope is None else self.weight * self.slope).sum()}


def mixed_steps(slope, count, scale=2.0**16, amp=torch.float16):
    model = Steep(slope)
    step = GuardedStep(model, torch.optim.SGD(model.parameters(), 1.0), amp=amp)
    if step.scaler.is_enabled():
        step.scaler.load_state_dict({**step.scaler.state_dict(), "scale": scale})
    step.data_loader = [[{"file_name": "steep.png"}]] * count
    with EventStorage() as storage:
        for step.iter in range(count):
            step.run_step()
            yield model.weight.item(), step.scaler.get_scale(), storage.latest()


def test_mixed_precision_goes_on_while_a_smaller_scale_may_help():
    """The scale begins at 2^16 and is halved; below 2^-10 nothing is left to hope for."""
    taken = []
    with pytest.raises(TrainingDiverged, match=r"^the gradient became .* in iteration 27; .*steep\.png"):
        taken.extend(mixed_steps(None, 40))
    assert len(taken) == 27 and taken[-1][:2] == (0.0, 2.0**-11)
    assert all("gradient_norm" not in told for _, _, told in taken)
    for scale in (2.0**-10, 2.0**-11):
        with pytest.raises(TrainingDiverged, match=f"in iteration {int(scale == 2.0**-10)};"):
            list(mixed_steps(None, 40, scale))


def test_the_scale_of_mixed_precision_changes_no_update_and_no_norm():
    for scale in (1.0, 2.0**16):
        [(weight, after, told)] = mixed_steps(0.5, 1, scale)
        assert (weight, after, told["gradient_norm"][0]) == (-0.5, scale, 0.5)
    for amp in (None, torch.bfloat16):  # of the losses' own range: nothing is scaled
        [(weight, after, told)] = mixed_steps(0.5, 1, amp=amp)
        assert (weight, after, told["gradient_norm"][0]) == (-0.5, 1.0, 0.5)
        with pytest.raises(TrainingDiverged, match=r"the gradient .* iteration 0;"):
            list(mixed_steps(None, 1, amp=amp))


@pytest.fixture
def damaged(toy, toy_root, tmp_path):
    """The training images of one data set, one of them truncated."""
    _, composition = prepare(toy)
    records = composition.dicts()
    torn = tmp_path / "torn.png"
    whole = Path(records[3]["file_name"]).read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    records[3] = records[3] | {"file_name": str(torn)}
    return records


def load_all(toy, records, on_damaged):
    from synmix.data.mapper import SynMixMapper

    images = TrainingImages(records, SynMixMapper.from_config(toy), seed=1, on_damaged=on_damaged)
    return [images[0, index] for index in range(len(images))]


def test_a_truncated_image_stops_the_run_with_its_name(toy, damaged):
    failed = [record for record in load_all(toy, damaged, "stop") if "failure" in record]
    assert len(failed) == 1
    assert "torn.png" in failed[0]["failure"]


def test_a_truncated_image_is_replaced_by_one_of_its_data_set(toy, damaged):
    loaded = load_all(toy, damaged, "replace")
    replaced = [index for index, record in enumerate(loaded) if "replaces" in record]
    assert replaced == [3]
    assert "torn.png" in loaded[3]["replaces"][0]
    assert [record["dataset"] for record in loaded] == [record["dataset"] for record in damaged]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_sentence_reaches_the_user_from_a_worker(toy, damaged, monkeypatch, workers):
    toy.DATALOADER.NUM_WORKERS = workers
    monkeypatch.setattr("synmix.compose.composition.Composition.dicts", lambda self: damaged)
    with pytest.raises(UserError, match=r"torn\.png' is not a readable PNG"):
        train(toy)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_image_to_evaluate_on_is_a_sentence_too(toy, toy_root, tmp_path, workers):
    copied = tmp_path / "val"
    shutil.copytree(toy_root / "real", copied)
    image = next((copied / "leftImg8bit/val/toy").glob("*000001_*"))
    image.write_bytes(image.read_bytes()[:900])
    sources.register_cityscapes_format(f"toy_torn_{workers}", copied, "val", "real")
    toy.DATASETS.TEST, toy.DATALOADER.NUM_WORKERS = (f"toy_torn_{workers}",), workers
    with pytest.raises(UserError, match=r"^'.*000001_leftImg8bit\.png'"):
        train(toy)


def test_replacements_are_counted(toy, damaged, monkeypatch, caplog):
    toy.DATALOADER.ON_DAMAGED = "replace"
    monkeypatch.setattr("synmix.compose.composition.Composition.dicts", lambda self: damaged)
    train(toy)
    state = torch.load(Path(toy.OUTPUT_DIR) / "model_final.pth", weights_only=True)["trainer"]["step"]
    assert state["replaced"] == 2  # 12 iterations of 4 are two epochs of 24 images
    assert sum(state["seen"].values()) == 48


def test_images_seen_are_counted_by_data_set(toy):
    train(toy)
    last = json.loads((Path(toy.OUTPUT_DIR) / "metrics.json").read_text().splitlines()[-1])
    assert (last["images/toy_real_train"], last["images/toy_synthetic_train"]) == (24, 24)


def test_a_dry_run_writes_nothing_and_prints_the_plan(toy, capsys):
    preflight(toy)
    printed = " ".join(re.sub("[│┃]", " ", capsys.readouterr().err).split())
    assert "12 iterations of 4 images, 2.00 epochs of 24" in printed
    assert "for the whole run" in printed
    assert not Path(toy.OUTPUT_DIR).exists()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("SOLVER.IMS_PER_BATCH", 5, None),
        ("SOLVER.ACCUMULATE", 3, "SOLVER.IMS_PER_BATCH is 4"),
        ("DATALOADER.ON_DAMAGED", "ignore", "ON_DAMAGED"),
        ("INPUT.RESIZE", "magic", "INPUT.RESIZE"),
        ("DATASETS.TEST", ("toy_vall",), "Did you mean 'toy_val'"),
        ("DATASETS.TEST", ("cityscapes_instance_val",), "expected the images in"),
        ("MODEL.WEIGHTS", "nowhere.pth", "not found"),
        ("LOG.PERIOD", 0, "LOG.PERIOD is 0; give a whole number from 1"),
    ],
)
def test_mistakes_in_the_config(toy, monkeypatch, tmp_path, key, value, sentence):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    toy.merge_from_list([key, value])
    if sentence is None:
        train(toy)
        return
    with pytest.raises(UserError, match=sentence):
        train(toy)


def test_a_model_of_other_classes_than_the_data():
    cfg = load_config("mini.yaml", ["MODEL.ROI_HEADS.NUM_CLASSES", "3", "MODEL.POINT_HEAD.NUM_CLASSES", "3"])
    with pytest.raises(UserError, match="NUM_CLASSES is 3, but 'mini_cityscapes_instance_train' has 8 classes; give 8"):
        check_classes(cfg, cfg.DATASETS.TRAIN)


@pytest.fixture
def gpus(monkeypatch):
    """Makes torch believe in so many GPUs."""

    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


def test_no_gpu_is_a_sentence_unless_the_config_says_cpu(toy, gpus):
    gpus(0)
    assert settle_processes(toy, 2)[1] == 2
    toy.MODEL.DEVICE = "cuda"
    for refuse in (lambda: settle_processes(toy, 2), lambda: train(toy), lambda: evaluate(toy)):
        with pytest.raises(UserError, match=r"no usable GPU.*MODEL\.DEVICE cpu"):
            refuse()
    assert not Path(toy.OUTPUT_DIR).exists()


@pytest.mark.parametrize(
    ("asked", "parts", "available", "ranks"), [(4, 1, 2, 2), (4, 1, 3, 2), (3, 4, 2, 2), (4, 1, 8, 4), (3, 1, 2, 1)]
)
def test_fewer_gpus_keep_the_product(toy, gpus, caplog, asked, parts, available, ranks):
    gpus(available)
    toy.MODEL.DEVICE, toy.SOLVER.ACCUMULATE, toy.SOLVER.IMS_PER_BATCH = "cuda", parts, 12
    cfg, settled = settle_processes(toy, asked)
    assert (settled, settled * cfg.SOLVER.ACCUMULATE) == (ranks, asked * parts)
    assert (f"{asked} processes were asked for" in caplog.text) == (ranks < asked)
    assert parts == toy.SOLVER.ACCUMULATE


def test_a_pool_of_gpus_is_what_a_run_may_use(toy, gpus):
    gpus(8)
    toy.MODEL.DEVICE = "cuda"
    cfg, settled = settle_processes(toy, 4, gpus=(5, 7))
    assert (settled, cfg.SOLVER.ACCUMULATE) == (2, 2)


@pytest.mark.parametrize(("processes", "sentence"), [(0, "at least one"), (8, "IMS_PER_BATCH is 4"), (3, "multiple")])
def test_wrong_numbers_of_processes(toy, processes, sentence):
    with pytest.raises(UserError, match=sentence):
        settle_processes(toy, processes)


def test_an_unknown_device(toy):
    toy.MODEL.DEVICE = "tpu"
    with pytest.raises(UserError, match=r"MODEL\.DEVICE is 'tpu'"):
        train(toy)


def test_a_batch_that_processes_cannot_share(toy):
    toy.SOLVER.IMS_PER_BATCH = 4
    check_shares(toy, 2)
    with pytest.raises(UserError, match=r"IMS_PER_BATCH is 4, which 3 process.*multiple of 3"):
        check_shares(toy, 3)


def test_a_users_mistake_leaves_no_traceback_in_the_log(toy, monkeypatch):
    poison(monkeypatch, "loss")
    with pytest.raises(TrainingDiverged):
        train(toy)
    log = (Path(toy.OUTPUT_DIR) / "log.txt").read_text()
    assert "Exception during training" in log
    assert "Traceback" not in log


def test_evaluating_alone(toy):
    toy.DATASETS.TEST = ("toy_val",)
    train(toy)
    toy.MODEL.WEIGHTS = str(Path(toy.OUTPUT_DIR) / "model_final.pth")
    assert "AP" in evaluate(toy).figures["toy_val"]["segm"]

"""The speed keys do what they say, on the CPU and, where there are any, on GPUs (``pytest -m gpu``)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from synmix.errors import UserError
from synmix.train.run import train
from synmix.train.speed import speed_settings
from synmix.train.step import GuardedStep
from synmix.train.weights import load_weights_only

ON_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
ON_TWO_GPUS = [pytest.mark.gpu, pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")]
DEVICES = ["cpu", pytest.param("cuda", marks=ON_GPU)]
#: device, processes and the type of mixed precision; spawned processes take their time on the CPU
RANKS = [
    pytest.param("cpu", 2, "float16", marks=pytest.mark.long),
    *(pytest.param("cuda", 1, dtype, marks=ON_GPU) for dtype in (None, "float16", "bfloat16")),
    *(pytest.param("cuda", 2, dtype, marks=ON_TWO_GPUS) for dtype in (None, "float16", "bfloat16")),
]
AMP = ["SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE"]
SCRIPT = Path(__file__).with_name("toy_run.py")


@pytest.fixture(params=DEVICES)
def on_device(request, toy):
    """The tiny training's config, on a CPU or a GPU."""
    toy.MODEL.DEVICE = request.param
    return toy


def saved(output):
    return load_weights_only(Path(output) / "model_final.pth")


def metrics(output):
    return [json.loads(line) for line in (Path(output) / "metrics.json").read_text().splitlines()]


def interrupt_at(monkeypatch, iteration):
    """The training breaks off after an iteration, its checkpoints saved."""
    original = GuardedStep.run_step

    def run_step(self):
        original(self)
        if self.iter == iteration:
            raise OSError("the disk is gone")

    monkeypatch.setattr(GuardedStep, "run_step", run_step)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mixed_precision_trains_nearly_the_same(on_device, toy_config, tmp_path, dtype):
    exact = toy_config(tmp_path / "exact")
    exact.MODEL.DEVICE = on_device.MODEL.DEVICE
    train(exact)
    on_device.merge_from_list([*AMP, dtype])
    train(on_device)
    weights, expected = saved(on_device.OUTPUT_DIR), saved(exact.OUTPUT_DIR)
    assert not torch.equal(weights["model"]["head.weight"], expected["model"]["head.weight"])
    torch.testing.assert_close(weights["model"]["head.weight"], expected["model"]["head.weight"], rtol=0.1, atol=0.02)
    assert bool(weights["trainer"]["step"]["scaler"]) == (dtype == "float16")  # bfloat16 has float32's range


def test_the_forward_pass_is_in_the_type_asked_for(on_device, monkeypatch):
    from detectron2.modeling import META_ARCH_REGISTRY

    detector, seen = META_ARCH_REGISTRY.get("TinyDetector"), set()
    original = detector.forward

    def forward(self, batch):
        seen.add(self.convolution(torch.ones(1, 3, 4, 4, device=on_device.MODEL.DEVICE)).dtype)
        return original(self, batch)

    monkeypatch.setattr(detector, "forward", forward)
    on_device.merge_from_list([*AMP, "bfloat16"])
    train(on_device)
    assert seen == {torch.bfloat16}


@pytest.mark.parametrize(
    ("before", "after"), [(None, "float16"), ("float16", None), ("float16", "bfloat16"), ("bfloat16", "float16")]
)
def test_a_resume_with_another_precision_is_refused(on_device, monkeypatch, before, after):
    on_device.merge_from_list([*AMP, before] if before else [])
    with monkeypatch.context() as patch:
        interrupt_at(patch, 7)
        with pytest.raises(OSError, match="disk"):
            train(on_device)
    on_device.merge_from_list([*AMP, after] if after else ["SOLVER.AMP.ENABLED", False])
    with pytest.raises(UserError, match=r"SOLVER\.AMP"):
        train(on_device, resume=True)


def test_the_scale_itself_survives_a_resume(on_device, monkeypatch):
    on_device.merge_from_list([*AMP, "float16"])
    on_device.SOLVER.MAX_ITER = 6
    original = GuardedStep.__init__

    def small_scale(self, *arguments, **keywords):
        original(self, *arguments, **keywords)
        self.scaler.load_state_dict(self.scaler.state_dict() | {"scale": 8.0})

    with monkeypatch.context() as patch:
        patch.setattr(GuardedStep, "__init__", small_scale)
        interrupt_at(patch, 4)
        with pytest.raises(OSError, match="disk"):
            train(on_device)
    train(on_device, resume=True)
    assert saved(on_device.OUTPUT_DIR)["trainer"]["step"]["scaler"]["scale"] == 8.0


@pytest.mark.parametrize(("value", "within"), [(None, (True, False)), (True, (True, True)), (False, (False, False))])
def test_tf32_is_pytorchs_own_choice_unless_one_is_made(toy, value, within):
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    toy.merge_from_list(["SPEED.TF32", value, "CUDNN_BENCHMARK", True])
    with speed_settings(toy):
        assert (cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark) == (*within, True)
    assert (cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark) == (True, False, False)


def test_tf32_of_another_kind_is_a_sentence(toy):
    toy.SPEED.TF32 = "often"
    with pytest.raises(UserError, match=r"SPEED\.TF32 is 'often'"):
        train(toy)


@pytest.mark.parametrize(("iterations", "profiled"), [(15, (10, 11)), (12, (10, 11)), (2, (0, 1))])
def test_a_profile_is_written_after_the_warm_up(on_device, iterations, profiled):
    on_device.SOLVER.MAX_ITER, on_device.SPEED.PROFILE, on_device.SOLVER.CHECKPOINT_PERIOD = iterations, 2, 100
    train(on_device)
    traces = sorted(Path(on_device.OUTPUT_DIR).glob("profile/rank0/*.json"))
    assert {path.name for path in traces} == {f"profiler-trace-iter{number}.json" for number in profiled}
    assert any("conv" in event.get("name", "") for event in json.loads(traces[0].read_text())["traceEvents"])


def test_each_stage_has_a_peak_of_its_own(on_device, monkeypatch):
    """One evaluation takes 300 MiB more; neither the training after it nor the next evaluation shows them."""
    from detectron2.modeling import META_ARCH_REGISTRY
    from detectron2.utils.events import get_event_storage

    detector = META_ARCH_REGISTRY.get("TinyDetector")
    original = detector.forward

    def forward(self, batch):
        if not self.training and get_event_storage().iter < 5:
            torch.ones(300 * 2**18, device=on_device.MODEL.DEVICE)
        return original(self, batch)

    monkeypatch.setattr(detector, "forward", forward)
    on_device.DATASETS.TEST, on_device.TEST.EVAL_PERIOD = ("toy_val",), 4
    train(on_device)
    lines = metrics(on_device.OUTPUT_DIR)
    first, second = (line["memory/evaluation"] for line in lines if line["iteration"] in (3, 7))
    trained = [line["memory/training"] for line in lines if 4 <= line["iteration"] <= 6]
    assert first > max(second, *trained) + 0.2


@pytest.mark.parametrize(("device", "processes", "dtype"), RANKS)
def test_ranks_train_evaluate_and_resume(toy_root, tmp_path, device, processes, dtype):
    """In processes of their own, joined by gloo or NCCL; resumed in the middle, they end as they did without."""
    amp = map(str, [*AMP, dtype]) if dtype else []
    options = [*amp, "DATASETS.TEST", "('toy_val',)", "DATALOADER.NUM_WORKERS", "2", "SOLVER.KEEP_CHECKPOINTS", "0"]
    command = [sys.executable, str(SCRIPT), str(toy_root), str(tmp_path), device, str(processes), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    whole, resumed = saved(tmp_path / "whole"), saved(tmp_path / "resumed")
    assert all(torch.isfinite(value).all() for value in whole["model"].values())
    assert sum(whole["trainer"]["step"]["seen"].values()) == 48
    assert bool(whole["trainer"]["step"]["scaler"]) == (dtype == "float16")
    assert metrics(tmp_path / "whole")[-1]["memory/evaluation"] > 0
    for name, value in whole["model"].items():
        if device == "cpu":
            assert torch.equal(resumed["model"][name], value), name
        else:  # atomic additions come in any order
            torch.testing.assert_close(resumed["model"][name], value, rtol=1e-3, atol=1e-4)
    results = [json.loads((tmp_path / run / "results/toy_val.json").read_text()) for run in ("whole", "resumed")]
    assert results[0].keys() == results[1].keys()

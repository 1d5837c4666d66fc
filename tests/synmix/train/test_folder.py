"""OUTPUT_DIR is one training's: held while it works there, its state read from what lies there."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from detectron2.utils import comm

from synmix.config import get_config
from synmix.errors import UserError
from synmix.locks import is_locked, lock_file
from synmix.neutral import NEUTRAL_KEYS, numbers_of
from synmix.train.folder import agree, hold
from synmix.train.run import evaluate, train


def states(folder) -> dict[str, bytes]:
    """What lies in a folder, but for its log."""
    files = [
        path for path in Path(folder).rglob("*") if path.is_file() and path.name not in ("log.txt", ".training.lock")
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


HOLDER = """
import sys
from pathlib import Path
from synmix.locks import lock_file
with lock_file(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_training_in_the_folder_is_told_who_holds_it(toy):
    lock = Path(toy.OUTPUT_DIR) / ".training.lock"
    lock.parent.mkdir(parents=True)
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"OUTPUT_DIR '.*' is worked on by .*, process {holder.pid};"):
            train(toy)
        assert is_locked(lock)
        holder.kill()
    assert not is_locked(lock)
    train(toy)


def test_a_forked_child_does_not_hold_on_to_a_lock(tmp_path):
    with lock_file(tmp_path / "lock", "it"):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)  # lives until the parent has let go
            os._exit(0)
        os.close(reader)
    deadline = time.monotonic() + 20  # the child lets go as soon as it runs
    while is_locked(tmp_path / "lock") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_locked(tmp_path / "lock")
    os.close(writer)
    os.waitpid(child, 0)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("harm", ["missing", "broken", "of another shape"])
def test_weights_without_their_list_are_never_overwritten(toy, resume, harm):
    train(toy)
    index = Path(toy.OUTPUT_DIR) / "checkpoints.json"
    index.unlink() if harm == "missing" else index.write_text("[1" if harm == "broken" else '{"a": 1}')
    before = states(toy.OUTPUT_DIR)
    with pytest.raises(UserError, match=r"holds a training, but.*checkpoints\.json"):
        train(toy, resume=resume)
    assert states(toy.OUTPUT_DIR) == before


def test_a_training_without_a_whole_checkpoint_is_not_begun_anew(toy):
    train(toy)
    for path in Path(toy.OUTPUT_DIR).glob("*.pth"):
        path.write_bytes(path.read_bytes()[:-9])
    before = states(toy.OUTPUT_DIR)
    with pytest.raises(UserError, match="no checkpoint is whole"):
        train(toy, resume=True)
    assert states(toy.OUTPUT_DIR) == before


def test_results_whose_weights_are_gone_are_kept(toy):
    toy.DATASETS.TEST = ("toy_val",)
    train(toy)
    for path in (*Path(toy.OUTPUT_DIR).glob("*.pth"), Path(toy.OUTPUT_DIR) / "checkpoints.json"):
        path.unlink()
    with pytest.raises(UserError, match="holds results"):
        train(toy, resume=True)


def test_what_a_kill_left_is_cleared_away(toy):
    train(toy)
    folder = Path(toy.OUTPUT_DIR)
    left = [folder / ".model_0000003.partial-abc.pth", folder / ".checkpoints.partial-abc.json"]
    foreign = folder / ".status.partial-abc.json"
    for path in (*left, foreign):
        path.write_bytes(b"half")
    train(toy, resume=True)
    assert not any(path.exists() for path in left)
    assert foreign.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SOLVER.BASE_LR", 0.2),
        ("SOLVER.MOMENTUM", 0.5),
        ("SOLVER.WEIGHT_DECAY", 0.1),
        ("SOLVER.IMS_PER_BATCH", 8),
        ("SOLVER.MAX_ITER", 24),
        ("SOLVER.STEPS", (4,)),
        ("MODEL.RESNETS.NORM", ""),
        ("INPUT.MIN_SIZE_TRAIN", (24,)),
    ],
)
def test_a_resume_with_other_numbers_is_refused(toy, key, value):
    train(toy)
    before = states(toy.OUTPUT_DIR)
    toy.merge_from_list([key, value])
    with pytest.raises(UserError, match=rf"begun with another config: .*{key} is") as raised:
        train(toy, resume=True)
    assert ("longer from its weights" in str(raised.value)) == (key == "SOLVER.MAX_ITER")
    assert states(toy.OUTPUT_DIR) == before


def test_a_resume_with_other_neutral_keys_is_the_same_training(toy):
    train(toy)
    toy.DATALOADER.NUM_WORKERS, toy.LOG.PERIOD, toy.SOLVER.CHECKPOINT_PERIOD = 1, 5, 2
    toy.DATASETS.TEST = ("toy_val",)
    assert set(train(toy, resume=True)) == {"toy_val"}


def test_a_resume_in_other_parts_is_refused(toy):
    train(toy)
    toy.SOLVER.ACCUMULATE = 2
    with pytest.raises(UserError, match="trained in 1 parts"):
        train(toy, resume=True)


def test_a_resume_from_other_weights_is_refused_but_not_when_they_were_moved(toy, toy_config, tmp_path):
    first = toy_config(tmp_path / "first")
    train(first)
    toy.MODEL.WEIGHTS = str(tmp_path / "first/model_final.pth")
    train(toy)
    (tmp_path / "first").rename(tmp_path / "moved")
    train(toy, resume=True)
    toy.MODEL.WEIGHTS = str(tmp_path / "moved/model_final.pth")
    train(toy, resume=True)
    toy.MODEL.WEIGHTS = str(tmp_path / "moved/model_0000008.pth")
    with pytest.raises(UserError, match="began with the weights"):
        train(toy, resume=True)


def test_neutral_keys_are_keys_and_nothing_else_is_neutral():
    plain = yaml.safe_load(get_config().dump())
    everything = numbers_of(plain)
    for key in ("SOLVER.BASE_LR", "SEED", "TEST.DETECTIONS_PER_IMAGE", "INPUT.MIN_SIZE_TEST", "DATASETS.TRAIN"):
        assert key in everything
    assert not any(key.split(".")[0] in ("LOG", "OUTPUT_DIR") for key in everything)
    assert "DATASETS.TEST" in NEUTRAL_KEYS


def result_of(folder) -> dict:
    return json.loads((Path(folder) / "results/toy_val.json").read_text())


def test_results_name_their_weights(toy):
    toy.DATASETS.TEST = ("toy_val",)
    train(toy)
    listed = {entry["file"]: entry for entry in json.loads((Path(toy.OUTPUT_DIR) / "checkpoints.json").read_text())}
    assert result_of(toy.OUTPUT_DIR)["provenance"]["weights"] == listed["model_final.pth"]
    toy.MODEL.WEIGHTS = str(Path(toy.OUTPUT_DIR) / "model_final.pth")
    evaluate(toy)  # the same weights: the same results
    found = result_of(toy.OUTPUT_DIR)["provenance"]["weights"]
    assert found == {"file": toy.MODEL.WEIGHTS, "sha256": listed["model_final.pth"]["sha256"]}


def test_results_of_other_weights_go_nowhere_near_a_trainings(toy, tmp_path):
    toy.DATASETS.TEST = ("toy_val",)
    train(toy)
    before = states(toy.OUTPUT_DIR)
    toy.MODEL.WEIGHTS = str(Path(toy.OUTPUT_DIR) / "model_0000008.pth")
    with pytest.raises(UserError, match=r"holds a training, whose results.*another OUTPUT_DIR"):
        evaluate(toy)
    assert states(toy.OUTPUT_DIR) == before
    trained, toy.OUTPUT_DIR = toy.OUTPUT_DIR, str(tmp_path / "evaluation")
    evaluate(toy)
    toy.MODEL.WEIGHTS = str(Path(trained) / "model_final.pth")
    with pytest.raises(UserError, match="is the result of other weights"):
        evaluate(toy)


def test_evaluating_nothing_is_refused(toy):
    toy.DATASETS.TEST = ("toy_val",)
    with pytest.raises(UserError, match=r"MODEL\.WEIGHTS is empty"):
        evaluate(toy)
    assert "AP" in evaluate(toy, untrained=True).figures["toy_val"]["segm"]


def test_the_last_lines_say_what_is_reached_and_where_the_weights_are(toy):
    toy.DATASETS.TEST, toy.TEST.BOOTSTRAP.RESAMPLES = ("toy_val",), 20
    train(toy)
    reached, weights = (Path(toy.OUTPUT_DIR) / "log.txt").read_text().splitlines()[-2:]
    assert "toy_val: segm/AP" in reached
    assert "(interval " in reached
    assert "weights: " in weights
    assert "model_final.pth" in weights


def test_ranks_that_see_different_things_are_told_what(monkeypatch, tmp_path):
    other = {"the first iteration": 0, "the training set": "a"}
    monkeypatch.setattr(comm, "all_gather", lambda facts: [facts, other])
    agree(other, tmp_path)
    with pytest.raises(UserError, match=r"the first iteration \(7 on rank 0, 0 on rank 1\).*all machines share"):
        agree(other | {"the first iteration": 7}, tmp_path)


def test_a_folder_that_cannot_be_made(toy, tmp_path):
    (tmp_path / "file").write_text("")
    toy.OUTPUT_DIR = str(tmp_path / "file/below")
    with pytest.raises(UserError, match=r"OUTPUT_DIR '.*' cannot be made"):
        train(toy)


def test_a_full_disk_is_a_sentence_and_the_checkpoint_before_stays(toy, monkeypatch):
    save, saved = torch.save, []

    def full(data, path):
        saved.append(path)
        if len(saved) > 1:
            raise OSError(28, os.strerror(28))
        save(data, path)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(UserError, match=r"model_0000005\.pth' cannot be written \(No space left"):
            train(toy)
    with hold(toy.OUTPUT_DIR):
        train_again = sorted(path.name for path in Path(toy.OUTPUT_DIR).iterdir())
    assert "model_0000002.pth" in train_again
    assert not [name for name in train_again if "partial" in name]
    train(toy, resume=True)

"""Randomly edited inputs: whatever a file holds, a tool succeeds or says one sentence, and changes none of its inputs.

Rounds of examples follow from their numbers, 0, 1, 2, ...: ``SYNMIX_FUZZ_SECONDS`` says how long to go on (80 in all),
``SYNMIX_FUZZ_FIRST`` where to begin; a failure names its round and its edits.
"""

import hashlib
import os
import random
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.fuzz.edits import edit
from tests.fuzz.inputs import INPUTS

from synmix.data import sources
from synmix.errors import UserError

SECONDS, FIRST = float(os.environ.get("SYNMIX_FUZZ_SECONDS", "80")), int(os.environ.get("SYNMIX_FUZZ_FIRST", "0"))
EXAMPLES = 20


def checksums(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.long
@pytest.mark.parametrize("name", INPUTS)
def test_success_or_one_sentence(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))
    subject, whole = INPUTS[name], tmp_path / "whole"
    whole.mkdir()
    subject.write(whole)
    if name != "foreign checkpoints":
        subject.read(whole, tmp_path / "output")
    files = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
    counts = {"sentences": 0, "successes": 0}

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # an example is one number: there is nothing to shrink
    )  # fmt: skip
    @given(st.integers(0, 2**32))
    def one(number: int) -> None:
        chance, folder = random.Random(number), tmp_path / f"{number}"
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        edited = [folder / chance.choice(files) for _ in range(chance.choice((1, 1, 2)))]
        for path in edited:
            if path.is_file():
                edit(path, chance)
        before = checksums(folder)
        try:
            subject.read(folder, tmp_path / f"output{number}")
            counts["successes"] += 1
        except UserError as error:
            counts["sentences"] += 1
            assert str(error).strip() and "\n" not in str(error), f"no sentence: {error}"
        except Exception as error:
            raise AssertionError(f"{name}, number {number}: {error!r} after edits of {edited}") from error
        after = checksums(folder)
        assert {key: after.get(key) for key in before} == before, f"{name}, number {number}: an input was changed"
        shutil.rmtree(folder)
        shutil.rmtree(tmp_path / f"output{number}", ignore_errors=True)

    end, round_number = time.monotonic() + SECONDS / len(INPUTS), FIRST
    while time.monotonic() < end:
        seed(round_number)(one)()
        round_number += 1
    with capsys.disabled():
        print(f"\n{name}: rounds {FIRST} to {round_number - 1} of {EXAMPLES}: {counts}")

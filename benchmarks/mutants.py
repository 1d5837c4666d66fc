"""How many small faults the fast tests of a room catch: mutation testing of what decides a number or a verdict.

    uv run --with cosmic-ray benchmarks/mutants.py --per-file 8 --output mutants.md

Cosmic Ray's operators put one fault at a time (another operator, comparison or number, a loop that does not run) into
a file of a copy of the repository; the room's tests then fail, or the fault survives. Which faults are drawn depends on
the seed alone. What was tried stands in a journal beside ``--output``: a call goes on where the last one stopped, and
tries again what was tried of another text. Survivors that change nothing have their reason in ``mutants.json``.
"""

import argparse
import difflib
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from synmix.progress import console

ROOT = Path(__file__).resolve().parents[1]
_SYNMIX, _METRIC = "projects/SynMix/synmix", "tests/synmix/evaluate"
#: What is faulted, and the fast tests of its room.
ROOMS: dict[str, tuple[str, ...]] = {
    f"{_SYNMIX}/evaluate/average_precision.py": tuple(
        f"{_METRIC}/test_{n}.py" for n in ("average_precision", "bootstrap")
    ),
    f"{_SYNMIX}/evaluate/matching.py": tuple(f"{_METRIC}/test_{n}.py" for n in ("average_precision", "overlapping")),
    f"{_SYNMIX}/statistics/estimate.py": ("tests/synmix/statistics",),
    f"{_SYNMIX}/statistics/comparison.py": ("tests/synmix/statistics",),
    f"{_SYNMIX}/statistics/swap.py": ("tests/synmix/statistics",),
    f"{_SYNMIX}/compose/mixing.py": ("tests/synmix/compose",),
    f"{_SYNMIX}/compose/removal.py": ("tests/synmix/compose",),
    f"{_SYNMIX}/compose/thresholds.py": ("tests/synmix/compose",),
    f"{_SYNMIX}/harmonize/relabel.py": ("tests/synmix/harmonize",),
    f"{_SYNMIX}/train/sampler.py": ("tests/synmix/train/test_sampler.py",),
    f"{_SYNMIX}/train/step.py": ("tests/synmix/train/test_guards.py", "tests/synmix/train/test_sampler.py"),
    f"{_SYNMIX}/study/gate.py": ("tests/synmix/study/test_gate.py",),
    f"{_SYNMIX}/report/claims.py": ("tests/synmix/report",),
    f"{_SYNMIX}/report/claims_counted.py": ("tests/synmix/report",),
    "projects/VehicleKeypoints/vehicle_keypoints/pck.py": ("tests/vehicle_keypoints/test_metrics.py",),
}
#: Faults such as people make; shifts, powers and their like no test could miss, and annotations no test could see.
_OPERATORS = (
    *(
        f"ReplaceBinaryOperator_{pair}"
        for pair in ("Add_Sub", "Sub_Add", "Mul_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul")
    ),
    *(
        "ReplaceComparisonOperator",
        "NumberReplacer",
        "ReplaceAndWithOr",
        "ReplaceOrWithAnd",
        "AddNot",
        "ReplaceTrueWithFalse",
    ),
    *(
        "ReplaceFalseWithTrue",
        "ZeroIterationForLoop",
        "ReplaceUnaryOperator_USub_UAdd",
        "ReplaceUnaryOperator_Delete_Not",
    ),
)
_TIMEOUT = 300  # seconds at least, and four times what the tests take without a fault
#: File, or ``*`` for every one -> the mutated line as the table shows it -> why that changes nothing.
_REASONS = Path(__file__).with_suffix(".json")

Outcome = Literal["caught", "timeout", "survived"]


@dataclass(frozen=True)
class Mutant:
    """A fault: where it stands, which it is, and what became of it."""

    file: str
    operator: str
    occurrence: int
    diff: str
    outcome: Outcome = "survived"

    @property
    def shown(self) -> str:
        """The mutated lines, as one."""
        return " ".join(line[1:].strip() for line in self.diff.splitlines() if line[0] == "+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-file", type=int, default=8, help="faults drawn in each file (default: 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="files whose path contains this")
    parser.add_argument("--output", type=Path, default=Path("mutants.md"))
    args = parser.parse_args()
    journal = args.output.with_suffix(".jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    known = {replace(mutant, outcome="survived"): mutant for mutant in (Mutant(**line) for line in lines)}
    every = []
    with tempfile.TemporaryDirectory() as folder:
        copy = _copy(Path(folder) / "copy")
        for file, tests in ((file, tests) for file, tests in ROOMS.items() if args.only in file):
            limit = 0.0
            for mutant, code in _drawn(file, args.per_file, args.seed):
                if mutant not in known:
                    limit = limit or _limit(copy, file, tests)
                    known[mutant] = replace(mutant, outcome=_outcome(copy, file, code, tests, limit))
                    with journal.open("a") as stream:
                        stream.write(json.dumps(asdict(known[mutant])) + "\n")
                    console.print(f"{known[mutant].outcome:8} {file} {mutant.operator}")
                every.append(known[mutant])
    reasons = json.loads(_REASONS.read_text())
    args.output.write_text(_table(every, reasons))


def _limit(copy: Path, file: str, tests: Sequence[str]) -> float:
    """Seconds that the tests of a fault in the file may take."""
    started = time.monotonic()
    if _outcome(copy, file, (ROOT / file).read_text(), tests, 4 * _TIMEOUT) != "survived":
        raise SystemExit(f"the tests {', '.join(tests)} fail without any fault; mend them first.")
    return max(_TIMEOUT, 4 * (time.monotonic() - started))


def _copy(folder: Path) -> Path:
    ignored = shutil.ignore_patterns(".git", ".venv", "output", "runs", "__pycache__", ".hypothesis")
    return Path(shutil.copytree(ROOT, folder, ignore=ignored))


def _drawn(file: str, count: int, seed: int) -> Iterator[tuple[Mutant, str]]:
    source = (ROOT / file).read_text()
    every = []
    for name in sorted(operator_names()):
        if not name.split("/")[-1].startswith(_OPERATORS):
            continue
        occurrence = 0
        while (code := mutate_code(source, get_operator(name)(), occurrence)) is not None:
            every.append((name.rsplit("/", 1)[-1], occurrence, code))
            occurrence += 1
    for name, occurrence, code in random.Random(f"{seed} {file}").sample(every, min(count, len(every))):
        changed = difflib.unified_diff(source.splitlines(), code.splitlines(), n=0, lineterm="")
        diff = "\n".join(line for line in changed if line[0] in "+-" and not line.startswith(("+++", "---")))
        yield Mutant(file, name, occurrence, diff), code


def _outcome(copy: Path, file: str, code: str, tests: Sequence[str], limit: float) -> Outcome:
    original = (copy / file).read_text()
    (copy / file).write_text(code)
    # Python takes compiled text for current where only its size and second are the same.
    Path(importlib.util.cache_from_source(str(copy / file))).unlink(missing_ok=True)
    paths = os.pathsep.join(
        str(copy / part) for part in ("projects/SynMix", "projects/VehicleKeypoints", "projects/Miniature")
    )
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "HYPOTHESIS_PROFILE": "ci"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=copy, env=environment, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        return "caught" if process.wait(limit) else "survived"
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:
        if process.poll() is None:  # with what its tests have started
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        (copy / file).write_text(original)


def _table(every: Sequence[Mutant], reasons: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["| file | faults | caught | timeout | change nothing | survived |", "|---|---:|---:|---:|---:|---|"]
    total = [0, 0, 0, 0]
    for file in dict.fromkeys(mutant.file for mutant in every):
        there = [mutant for mutant in every if mutant.file == file]
        why = {**reasons.get("*", {}), **reasons.get(Path(file).name, {})}
        left = [mutant.shown for mutant in there if mutant.outcome == "survived"]
        same = [line for line in left if line in why]
        counts = [len(there), *(sum(m.outcome == name for m in there) for name in ("caught", "timeout")), len(same)]
        total = [before + count for before, count in zip(total, counts, strict=True)]
        shown = [
            f"{_code(line)} ({why[line]})" if line in why else f"{_code(line)} **changes something**" for line in left
        ]
        lines.append(f"| {Path(file).name} | {' | '.join(map(str, counts))} | {'<br>'.join(shown)} |")
    faults, caught, timeout, same = total
    share = f"{100 * (caught + timeout) / max(faults - same, 1):.0f} %"
    lines.append(f"| all | {' | '.join(map(str, total))} | |")
    return "\n".join([*lines, "", f"Caught, of the {faults - same} that change something: {share}."]) + "\n"


def _code(line: str) -> str:
    return f"`{line}`".replace("|", "\\|")


if __name__ == "__main__":
    main()

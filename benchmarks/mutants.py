"""How many small faults the fast tests of a room catch: mutation testing of what decides a number or a verdict.

    uv run --with cosmic-ray benchmarks/mutants.py --per-file 8 --output mutants.md

Cosmic Ray's operators put one fault at a time (another operator, comparison or number, a loop that does not run) into
a file of a copy of the repository; the room's tests then fail, or the fault survives. Which faults are drawn depends on
the seed alone. What was tried stands in a journal beside ``--output``: a call goes on where the last one stopped.
"""

import argparse
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

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
_TIMEOUT = 300  # seconds; a fault that hangs its tests is caught


@dataclass(frozen=True)
class Mutant:
    """A fault: where it stands, which it is, and what became of it."""

    file: str
    operator: str
    occurrence: int
    diff: str
    caught: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-file", type=int, default=8, help="faults drawn in each file (default: 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="files whose path contains this")
    parser.add_argument("--output", type=Path, default=Path("mutants.md"))
    args = parser.parse_args()
    journal = args.output.with_suffix(".jsonl")
    done = [Mutant(**json.loads(line)) for line in journal.read_text().splitlines()] if journal.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        copy = _copy(Path(folder) / "copy")
        for file, tests in ((file, tests) for file, tests in ROOMS.items() if args.only in file):
            if _caught(copy, file, (ROOT / file).read_text(), tests):
                raise SystemExit(f"the tests {', '.join(tests)} fail without any fault; mend them first.")
            for mutant, code in _drawn(file, args.per_file, args.seed):
                if any((d.file, d.operator, d.occurrence) == (file, mutant.operator, mutant.occurrence) for d in done):
                    continue
                ended = Mutant(**{**asdict(mutant), "caught": _caught(copy, file, code, tests)})
                done.append(ended)
                with journal.open("a") as stream:
                    stream.write(json.dumps(asdict(ended)) + "\n")
                console.print(f"{'caught  ' if ended.caught else 'SURVIVED'} {file} {ended.operator}")
    args.output.write_text(_table(done))


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
        diff = " ".join(line.strip() for line in changed if line[0] in "+-" and not line.startswith(("+++", "---")))
        yield Mutant(file, name, occurrence, diff), code


def _caught(copy: Path, file: str, code: str, tests: tuple[str, ...]) -> bool:
    original = (copy / file).read_text()
    (copy / file).write_text(code)
    paths = os.pathsep.join(
        str(copy / part) for part in ("projects/SynMix", "projects/VehicleKeypoints", "projects/Miniature")
    )
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "HYPOTHESIS_PROFILE": "ci"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    try:
        ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=_TIMEOUT)
        return ended.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        (copy / file).write_text(original)


def _table(done: list[Mutant]) -> str:
    lines = ["| file | faults | caught | |", "|---|---:|---:|---|"]
    for file in dict.fromkeys(mutant.file for mutant in done):
        there = [mutant for mutant in done if mutant.file == file]
        left = "<br>".join(f"`{m.diff}`".replace("|", "\\|") for m in there if not m.caught)
        lines.append(f"| {Path(file).name} | {len(there)} | {sum(m.caught for m in there)} | {left} |")
    caught = sum(mutant.caught for mutant in done)
    return "\n".join([*lines, f"| all | {len(done)} | {caught} | |"]) + "\n"


if __name__ == "__main__":
    main()

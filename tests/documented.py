"""The commands that the documentation tells people to type, and how one of them is run on a tiny miniature."""

import ast
import os
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from synmix.config_files import CONFIGS

ROOT = CONFIGS.parent
PAGES = sorted(
    path for glob in ("README.md", "docs/**/*.md", "datasets/README.md", "projects/*/README.md")
    for path in ROOT.glob(glob)
)  # fmt: skip
PROGRAMS = sorted(
    path for glob in ("projects/SynMix/synmix/cli/*.py", "benchmarks/*.py", "projects/**/gallery.py")
    for path in ROOT.glob(glob)
)  # fmt: skip


def commands() -> dict[str, str]:
    """Each documented command, as typed, on one line -> where it stands first."""
    found: dict[str, str] = {}
    for page in PAGES:
        for command in _of_page(page.read_text(encoding="utf-8")):
            found.setdefault(command, str(page.relative_to(ROOT)))
    for program in PROGRAMS:
        help_text = ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))) or ""
        for command in lines(help_text):
            if re.match(r"([A-Z_0-9]+=\S+ )*(uv run|srun|torchrun|python|tools/|datasets/|benchmarks/)", command):
                found.setdefault(command, str(program.relative_to(ROOT)))
    return found


def _of_page(text: str) -> Iterator[str]:
    for block in re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from lines(block)
    for span in re.findall(r"(?<!`)`(uv run [^`]+)`", text):
        yield from lines(re.sub(r"\s*\n\s*", " ", span))


def lines(text: str) -> Iterator[str]:
    """The commands of a block, each on one line, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.sub(r"(^|\s+)#.*", "", line).split("&&"):
            if part.strip():
                yield re.sub(r"\s+", " ", part.strip())


def run(command: str, folder: Path, log: Path) -> None:
    """Runs a ``uv run`` command in this process, which is a fork of one that has imported everything: its program is
    run as ``uv run`` runs it, from ``folder``; what it prints goes to ``log``. Ends the process by its exit code."""
    words = shlex.split(command.split(">")[0].removeprefix("uv run "))
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    words = [found for word in words for found in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    if words[0] == "python":  # python -m module
        sys.argv = words[2:]
        runpy.run_module(words[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.argv[0] = str(ROOT / words[0])
        runpy.run_path(sys.argv[0], run_name="__main__")

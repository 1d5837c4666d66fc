#!/usr/bin/env python3
"""Runs Detectron2's own tests on what is installed here, and says why those fail that do.

    git clone --branch v0.6 https://github.com/facebookresearch/detectron2 CHECKOUT
    uv run benchmarks/upstream_tests.py CHECKOUT --output docs/benchmarks/detectron2.md

CHECKOUT is upstream's repository at the installed version; only its tests and its model zoo's configs are used. Exit
code 1 where a test fails for none of the known reasons.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from synmix.cli.parser import argument_parser
from synmix.errors import UserError, run_tool
from synmix.files import write_text

#: What the failure says -> why that is so here.
REASONS = {
    r"compiled operator|has no attribute 'nms_rotated'|torch.ops.detectron2": "a compiled operator (rotated boxes)",
    r"COCOeval_opt|KeyError: 'precision'": "a compiled operator (COCOeval_opt)",
    r"caffe2|Caffe2": "caffe2, which torch has dropped",
    r"onnx": "ONNX export",
    r"URLError|HTTPError|Name or service not known|Connection": "a download",
    r"No such file or directory: '.*datasets/": "COCO's own files",
    r"No module named '(black|shapely|onnx|timm|scipy)": "a package that only this test needs",
}
#: Lets Detectron2's model zoo find its configs in the checkout; the installed package has none.
PLUGIN = """
import os
import synmix.before_detectron2
import pkg_resources
original = pkg_resources.resource_filename
def resource_filename(package, name):
    zoo = os.environ["UPSTREAM_CONFIGS"] if package == "detectron2.model_zoo" else ""
    return os.path.join(os.path.dirname(zoo), name) if zoo else original(package, name)
pkg_resources.resource_filename = resource_filename
"""


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("checkout", type=Path, help="a checkout of upstream's repository")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the table there, as Markdown")
    parser.add_argument("--only", default="", metavar="WORDS", help="pytest's -k")
    arguments = parser.parse_args()
    checkout = arguments.checkout.resolve()
    if not (checkout / "tests/test_engine.py").is_file():
        raise UserError(f"'{checkout}' is no checkout of Detectron2 (it lacks tests/test_engine.py); give its folder.")
    with tempfile.TemporaryDirectory() as folder:
        run(checkout, Path(folder), arguments.only)
        text, unknown = table(Path(folder) / "report.xml")
    print(text)
    if arguments.output:
        write_text(arguments.output, text)
    return int(unknown)


def run(checkout: Path, folder: Path, only: str) -> None:
    """Runs the tests of a checkout; what they come to lies in ``folder/report.xml``."""
    write_text(folder / "upstream_plugin.py", PLUGIN)
    environment = {**os.environ, "PYTHONPATH": str(folder), "UPSTREAM_CONFIGS": str(checkout / "configs")}
    words = ["-p", "upstream_plugin", "-p", "no:cacheprovider", "-q", "-W", "ignore", "-k", only]
    command = [sys.executable, "-m", "pytest", *words, f"--junitxml={folder / 'report.xml'}", "tests"]
    subprocess.run(command, cwd=checkout, env=environment, check=False)


def table(report: Path) -> tuple[str, bool]:
    """The result as Markdown, and whether a failure has none of the known reasons."""
    counts: Counter[str] = Counter()
    unknown = []
    for name, state, said in cases(report):
        if state != "failed":
            counts[state] += 1
            continue
        why = next((reason for pattern, reason in REASONS.items() if re.search(pattern, said)), "")
        counts[f"failed: {why}" if why else "failed: another reason"] += 1
        if not why:
            unknown.append(f"- `{name}`: {said.strip().splitlines()[-1][:200]}")
    rows = [f"| {what} | {number} |" for what, number in sorted(counts.items())]
    return "\n".join(["| tests | |", "|---|---:|", *rows, *([""] if unknown else []), *unknown]) + "\n", bool(unknown)


def cases(report: Path) -> Iterator[tuple[str, str, str]]:
    """Each test's name, state and what its failure says."""
    for case in ElementTree.parse(report).iter("testcase"):
        bad = [found for kind in ("failure", "error") if (found := case.find(kind)) is not None]
        name = f"{case.get('classname')}.{case.get('name')}"
        if bad:
            yield name, "failed", f"{bad[0].get('message')}\n{bad[0].text}"
        else:
            yield name, "skipped" if case.find("skipped") is not None else "passed", ""


if __name__ == "__main__":
    run_tool(main)

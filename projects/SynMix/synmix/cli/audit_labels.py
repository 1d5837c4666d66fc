"""Compares the labelling conventions of data sets, and checks what harmonising takes for granted about a raw folder.

Prints tables; writes them with plots and a picture like the paper's Figure 2 into --output, as audit.md. With
--first-contact, only looks at a raw Synscapes folder and writes a text without pictures and places, fit to be mailed.

uv run tools/audit_labels.py --first-contact datasets/Synscapes
uv run tools/audit_labels.py cityscapes_instance_train kitti_instance_train --raw-name kitti
uv run tools/audit_labels.py cityscapes_instance_train synscapes_instance_train --json audit.json
"""

import argparse
from pathlib import Path
from typing import Any

from synmix.cli.parser import argument_parser, completed
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_data_set, add_num_workers
from synmix.data.described import described, names
from synmix.data.description import Description
from synmix.data.sources import source
from synmix.errors import UserError
from synmix.files import write_text
from synmix.harmonize import audit_pictures, audit_tables
from synmix.harmonize.auditing import Audit, Item, audit, evenly, raw_folder, raw_frames, registered_frames
from synmix.harmonize.first_contact import first_contact
from synmix.kinds import COUNT, argument
from synmix.pictures import save_figure, save_picture
from synmix.progress import console


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    usual = ["cityscapes_instance_train", "synscapes_instance_train"]
    add_data_set(parser, "datasets", nargs="*", default=usual, help=f"registered ones (default: {' '.join(usual)})")
    parser.add_argument(
        "--raw",
        type=Path,
        metavar="DIR",
        help="a raw folder to check as well (default: Synscapes' under DETECTRON2_DATASETS, where there is one; for "
        "mini_* data sets the miniature's)",
    )
    raw_name = parser.add_argument(
        "--raw-name", default="synscapes", metavar="NAME", help="the described data set that --raw is"
    )
    completed(raw_name, lambda _: names())
    parser.add_argument(
        "--first-contact",
        type=Path,
        metavar="DIR",
        help="describe this raw Synscapes folder in first_contact.md, alone",
    )
    parser.add_argument(
        "--frames", type=argument(COUNT), default=500, metavar="N", help="looked at of each, evenly spread; 0: all"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("output/audit"), metavar="DIR", help="folder for the report"
    )
    add_num_workers(parser)
    add_json(parser)
    return parser


def _raw_folder(given: Path | None, datasets: list[str], name: str) -> Path | None:
    if given:
        return given
    usual = raw_folder(datasets, name)
    return usual if usual.is_dir() else None


def _unlabelled(datasets: list[str]) -> list[str]:
    """Which classes a data set's description says that nobody has labelled there."""
    lines = [
        f"- '{name}' does not label {', '.join(missing)}: objects of these classes are background there "
        "(DATASETS.MISSING_CLASSES)."
        for name in datasets
        if (missing := source(name).missing)
    ]
    return ["\n".join(lines)] if lines else []


def _report(datasets: list[str], audits: list[Audit], raw: Audit | None, about: Description) -> str:
    parts: list[object] = [
        "# Labels compared",
        *_unlabelled(datasets),
        "## Conventions",
        audit_tables.conventions(audits),
        "![instances a frame, riders and vehicles](conventions.png)",
        "## Sizes",
        audit_tables.sizes(audits),
        "![size distributions](sizes.png)",
        "## Classes found inside instances",
        audit_tables.inside(audits),
    ]
    if raw:
        parts += [f"## Rules that this {_short(about)} folder meets", audit_tables.rules_met(raw)]
        parts += [f"## What harmonising takes for granted about this {_short(about)} folder"]
        parts += [audit_tables.assumptions(raw, about.merged_riders)]
        parts += [audit_tables.advice(raw, about.merged_riders)]
    problems = [f"- {each.name}, {frame}: {reason}" for each in audits for frame, reason in each.problems]
    if problems:
        parts += [f"## {len(problems)} frames could not be read", "\n".join(problems[:20])]
    return "\n\n".join(map(str, parts))


def _figures(audits: list[Audit], raw: Audit | None, about: Description) -> dict[str, Any]:
    """The report's tables as plain data, and what could not be read."""
    tables = {name: getattr(audit_tables, name)(audits).records() for name in ("conventions", "sizes", "inside")}
    if raw:
        tables["rules_met"] = audit_tables.rules_met(raw).records()
        tables["assumptions"] = audit_tables.assumptions(raw, about.merged_riders).records()
    looked_at = [{"name": each.name, "frames": each.frames, "problems": each.problems} for each in audits]
    return {"looked_at": looked_at, **tables}


def _short(about: Description) -> str:
    return about.title.split(" (")[0]


def _pictures(output: Path, audits: list[Audit], raw: list[Item]) -> str:
    for name, figure in (
        ("sizes", audit_pictures.size_plot(audits)),
        ("conventions", audit_pictures.convention_plot(audits)),
    ):
        save_figure(output / f"{name}.png", figure, dpi=110)
    if not raw:
        return ""
    try:
        frame, picture = audit_pictures.harmonization_picture(raw)
    except UserError as error:
        console.print(f"no picture of the harmonisation: {error}")
        return ""
    save_picture(output / "harmonization.png", picture)
    return f"\n\n## Before and after\n\nFrame {frame}.\n\n![original, class map, harmonised](harmonization.png)"


def main() -> int:
    args = _parser().parse_args()
    if args.first_contact:
        text = first_contact(args.first_contact, args.frames, args.num_workers)
        print(text)
        write_text(args.output / "first_contact.md", text)
        write_result_json(args.json, {"first_contact": text})
        console.print(f"written: {args.output / 'first_contact.md'}")
        return 0
    about = described(args.raw_name)
    audits = [audit(name, evenly(registered_frames(name), args.frames), args.num_workers) for name in args.datasets]
    folder, raw, items = _raw_folder(args.raw, args.datasets, args.raw_name), None, []
    if folder:
        items = evenly(raw_frames(folder, args.raw_name), args.frames)
        raw = audit(f"{_short(about)} as delivered", items, args.num_workers)
        audits.append(raw)
    else:
        console.print(f"no raw {_short(about)} folder: what harmonising takes for granted is not checked (--raw DIR)")
    problems = {frame for frame, _ in raw.problems} if raw else set()
    report = _report(args.datasets, audits, raw, about)
    print(report)
    write_text(
        args.output / "audit.md",
        report + _pictures(args.output, audits, [item for item in items if item.name not in problems]) + "\n",
    )
    console.print(f"written: {args.output / 'audit.md'}")
    write_result_json(args.json, _figures(audits, raw, about))
    return 0

"""Does mixing pay? A control arm against a mixed arm, by terms that are sealed before the runs (docs/gate.md).

Exit codes of judge: 0 pass, 1 fail, 3 inconclusive, 4 runs are missing, 5 equivalent; 2: a mistake, in a sentence.

uv run tools/gate.py plan --terms terms.yaml --scale mini      # how likely each verdict is, and what it costs
uv run tools/gate.py declare --terms terms.yaml --scale mini   # checks the terms and seals them: before any run
uv run tools/gate.py declare --name early --control cityscapes.yaml --mixed mixture.yaml --min-gain 2 --looks 3 5 8 \\
    --scale mini
uv run tools/gate.py judge early --scale mini                  # the verdict
uv run tools/gate.py list --scale mini                         # all that is declared, adjusted for each other
"""

import argparse
import math
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_store, scale_and_store
from synmix.errors import UserError
from synmix.statistics import Estimate
from synmix.study.experiments import REAL
from synmix.study.gate import GateVerdict, declaration, declare, judge, judge_all, names
from synmix.study.gate_plan import Spread, pair_hours, pilot, plan
from synmix.study.scale import Scale
from synmix.study.store import Store
from synmix.study.terms import Terms, arm_of, find_run, read_terms, terms_of

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3, "missing": 4, "equivalent": 5}
_TERMS = {  # keys of the terms that can be given as arguments
    "name": (str, "the gate's name"), "control": (str, "the arm without synthetic data: a config, or an arm's name"),
    "mixed": (str, "the arm with it"), "data_set": (str, "evaluated on (default: the real validation set)"),
    "min_gain": (float, "the least gain that pays, in points"), "figure": (str, "AP, AP50, AP-car, ... (default: AP)"),
    "margin": (float, "equivalent where the gain is surely smaller, either way"),
    "spending": (str, "how looks share the error: obrien-fleming (default) or pocock"),
    "confidence": (float, "of the interval (default: 0.95)"), "resamples": (int, "of the images (default: 1000)"),
}  # fmt: skip
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    commands = parser.add_subparsers(required=True, metavar="{plan,declare,judge,list}")
    declaring = commands.add_parser("declare", help="check the terms and seal them")
    declaring.set_defaults(run=_declare)
    planning = commands.add_parser("plan", help="what the gate can show, and what it costs")
    planning.set_defaults(run=_plan)
    judging = commands.add_parser("judge", help="the verdict")
    judging.add_argument("name", help="of a declared gate")
    judging.set_defaults(run=_judge)
    listing = commands.add_parser("list", help="all that is declared")
    listing.set_defaults(run=_list)
    for command in (declaring, planning):
        command.add_argument("--terms", type=Path, help="a YAML of terms; arguments beside it change it")
        for key, (kind, text) in _TERMS.items():
            word = key.replace("data_set", "dataset").replace("_", "-")
            command.add_argument(f"--{word}", dest=key, type=kind, help=text)
    declaring.add_argument("--seeds", type=int, nargs="+", help="a fixed list of them")
    declaring.add_argument("--looks", type=int, nargs="+", help="numbers of seeds at which to look, ascending")
    planning.add_argument("--num-seeds", type=int, nargs="+", default=[3, 5, 8], help="to compare (default: 3 5 8)")
    planning.add_argument("--gains", type=float, nargs="+", help="true gains to suppose (default: around the least)")
    planning.add_argument("--image-factors", type=float, nargs="+", default=[1, 2, 4], help="times as many images")
    planning.add_argument("--seed-sd", type=float, help="spread of a difference over seeds (default: as measured)")
    planning.add_argument("--image-se", type=float, help="standard error from the images (default: as measured)")
    planning.add_argument("--pilot-control", help="an arm of the store to measure at (default: the control)")
    planning.add_argument("--pilot-mixed", help="the other one")
    for command in (declaring, planning, judging, listing):
        add_store(command)
        add_json(command)
    return parser


def main() -> int:
    """Plans, declares, judges or lists."""
    arguments = _parser().parse_args()
    code: int = arguments.run(arguments, *scale_and_store(arguments))
    return code


def _values(arguments: argparse.Namespace) -> dict[str, Any]:
    """The terms as the file and the arguments give them."""
    values: dict[str, Any] = {"data_set": REAL, **(read_terms(arguments.terms) if arguments.terms else {})}
    given = {key: getattr(arguments, key, None) for key in (*_TERMS, "seeds", "looks")}
    return values | {key: value for key, value in given.items() if value is not None}


def _declare(arguments: argparse.Namespace, scale: Scale, store: Store) -> int:
    known = names(store)
    terms = terms_of(_values(arguments), scale, store)
    declared = declare(store, terms)
    what = "was declared already" if terms.name in known else "is declared and sealed"
    console.print(f"'{terms.name}' {what} ({_when(declared.declared)}): {_sentence(terms)}")
    verdict = judge(store, declared)
    if not verdict.declared_first:
        console.print(_LATE)
    console.print(f"now train: {', '.join(verdict.missing) or 'everything is there'}")
    write_result_json(
        arguments.json, {**asdict(declared), "declared_first": verdict.declared_first, "missing": verdict.missing}
    )
    return 0


def _judge(arguments: argparse.Namespace, _: Scale, store: Store) -> int:
    verdict = judge(store, declaration(store, arguments.name))
    console.print(report(verdict))
    write_result_json(arguments.json, _of_verdict(verdict))
    others = len(names(store)) - 1
    if others:
        console.print(f"{others} more are declared in this store; tools/gate.py list adjusts for that.")
    return EXIT_CODES[verdict.answer]


def _of_verdict(verdict: GateVerdict) -> dict[str, Any]:
    interval = verdict.gain and verdict.gain.interval(1 - verdict.level)
    return {**asdict(verdict), "interval": interval, "p_value": verdict.p_value}


def _list(arguments: argparse.Namespace, _: Scale, store: Store) -> int:
    judged = judge_all(store)
    if not judged:
        raise UserError(f"no gate is declared in '{store.root}'; tools/gate.py declare does.")
    table = Table(title=f"gates of {store.root}", title_justify="left")
    for heading in ("gate", "declared", "asks", "verdict", "gain", "p", "p (Holm)"):
        table.add_column(heading)
    for verdict, adjusted in judged:
        when = _when(declaration(store, verdict.terms.name).declared) + ("" if verdict.declared_first else ", late")
        shown = _interval(verdict.gain, verdict.level) if verdict.gain else "-"
        numbers = ("-", "-") if math.isnan(adjusted) else (f"{verdict.p_value:.3f}", f"{adjusted:.3f}")
        table.add_row(verdict.terms.name, when, _sentence(verdict.terms), verdict.answer, shown, *numbers)
    console.print(table)
    every = [{**_of_verdict(verdict), "adjusted_p_value": adjusted} for verdict, adjusted in judged]
    write_result_json(arguments.json, every)
    return 0


_LATE = "note: the terms were declared after a run had started, so this verdict explores; it does not confirm."


def report(verdict: GateVerdict) -> str:
    """The verdict for people."""
    terms, lines = verdict.terms, []
    if verdict.answer == "missing":
        lines.append(f"missing: {', '.join(verdict.missing)}")
    if verdict.gain:
        asked = f"{terms.min_gain:+g} was asked for (p = {verdict.p_value:.4f}, decides at {verdict.level / 2:.4f})"
        head = verdict.answer.upper() if verdict.answer != "missing" else "so far inconclusive"
        lines.append(f"{head}: {terms.figure} on {terms.data_set} changes by {_interval(verdict.gain, verdict.level)};")
        lines.append(f"  {asked}.")
    elif verdict.answer != "missing":
        lines.append(f"{verdict.answer.upper()}: every declared run failed.")
    if verdict.look:
        looks = f", look {verdict.look} of {len(terms.looks)} ({terms.spending})" if terms.looks else ""
        lines.append(f"  seeds {', '.join(map(str, verdict.seeds))}{looks}; {terms.mixed} against {terms.control}")
    lines += [f"  failed, and counts as finding nothing: {run}" for run in verdict.failed]
    if verdict.unused:
        lines.append(f"  not declared and not used: seeds {', '.join(map(str, verdict.unused))}")
    return "\n".join(lines if verdict.declared_first else [*lines, _LATE])


def _plan(arguments: argparse.Namespace, scale: Scale, store: Store) -> int:
    numbers = arguments.num_seeds
    values = {**_values(arguments), "seeds": list(range(max(2, *numbers)))}
    values.pop("looks", None)
    terms = terms_of({"name": "plan", **values}, scale, store)
    spread = _spread(arguments, store, terms)
    lengths = [_iterations(values[side], scale, store) for side in ("control", "mixed")]
    hours = pair_hours(store, terms, scale, lengths)
    gains = arguments.gains or [terms.min_gain + step for step in (-1, 0, 1, 2, 3)]
    console.print(_about(spread))
    table = Table(title=f"{_sentence(terms, with_seeds=False)}: how likely each verdict is", title_justify="left")
    for heading in ("true gain", "seeds", "images", "pass", "fail", "equivalent", "inconclusive", "GPU hours"):
        table.add_column(heading, justify="right")
    rows = list(plan(terms, spread, hours, gains, numbers, arguments.image_factors))
    for row in rows:
        found = row.power
        shares = [f"{share:.0%}" for share in (found.passes, found.fails, found.equivalent, found.inconclusive)]
        cost = "?" if math.isnan(row.gpu_hours) else f"{row.gpu_hours:,.1f}"
        table.add_row(f"{row.gain:+g}", str(row.seeds), f"x {row.image_factor:g}", *shares, cost)
    console.print(table)
    write_result_json(arguments.json, {"spread": asdict(spread), "rows": [asdict(row) for row in rows]})
    return 0


def _spread(arguments: argparse.Namespace, store: Store, terms: Terms) -> Spread:
    if arguments.seed_sd is not None and arguments.image_se is not None:
        return Spread(arguments.seed_sd, arguments.image_se)
    pilots = {"control": arguments.pilot_control, "mixed": arguments.pilot_mixed}
    arms = {side: find_run(store, name).arm for side, name in pilots.items() if name}
    found = pilot(store, Terms(**{**vars(terms), **arms}))
    seed_sd = found.seed_sd if arguments.seed_sd is None else arguments.seed_sd
    image_se = found.image_se if arguments.image_se is None else arguments.image_se
    return Spread(seed_sd, image_se, found.interaction_se, found.seeds, found.images)


def _iterations(side: Any, scale: Scale, store: Store) -> int | None:
    """Of one training of a side."""
    return arm_of(side, "arm", scale, store).iterations


def _about(spread: Spread) -> str:
    text = f"spread of a difference over seeds {spread.seed_sd:.2f} points, standard error from the images "
    text += f"{spread.image_se:.2f}, of images on one seed {spread.interaction_se:.2f}"
    if not spread.seeds:
        return f"{text} (assumed)."
    return (
        f"{text}; measured with {spread.seeds} seeds on {spread.images} images. Few seeds tell their spread roughly: "
        f"its upper 80 % limit is {spread.cautious_seed_sd:.2f}; plan with --seed-sd {spread.cautious_seed_sd:.2f} too."
    )


def _sentence(terms: Terms, with_seeds: bool = True) -> str:
    margin = f", equivalent within {terms.margin:g}" if terms.margin else ""
    looks = f", looking after {', '.join(map(str, terms.looks))}" if terms.looks else ""
    seeds = f", {len(terms.seeds)} seeds{looks}" if with_seeds else ""
    asks = f"{terms.mixed} against {terms.control}, {terms.figure} on {terms.data_set}, at least {terms.min_gain:+g}"
    return f"{asks}{margin}{seeds}"


def _interval(gain: Estimate, level: float) -> str:
    low, high = gain.interval(1 - level)
    return f"{gain.value:+.2f} points [{low:+.2f}, {high:+.2f}] ({100 * (1 - level):.4g} %)"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")

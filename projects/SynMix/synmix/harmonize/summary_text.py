"""The summary of a preparation, as text."""

from collections import Counter

from cityscapesscripts.helpers.labels import id2label

from synmix.harmonize.prepare import Summary
from synmix.harmonize.relabel import Tally
from synmix.harmonize.rules import RULE_OF_NAME

_SHOWN = 20


def summary_text(summary: Summary) -> str:
    """Frames, instances before and after per class, what each rule met, and what was skipped and why."""
    frames = ", ".join(f"{name} {count:,}" for name, count in summary.splits.items()) or "none"
    lines = [
        f"'{summary.output}': {frames}; split: {summary.how_split}",
        f"frames written {summary.written:,}, kept from earlier {summary.kept:,}, skipped {len(summary.skipped):,}; "
        f"riders created {summary.riders_created:,}",
        "",
        f"{'instances':<22}{'before':>10}{'after':>10}",
        *_classes(summary.tally.before, summary.tally.after),
        "",
        f"{'rule':<22}{'cases':>10}{'pixels':>14}",
        *rules_met(summary.tally),
    ]
    if summary.skipped:
        lines += ["", f"skipped {len(summary.skipped):,} frames (all of them in summary.json)"]
        lines += [f"  frame {number}: {reason}" for number, reason in summary.skipped[:_SHOWN]]
    return "\n".join(lines)


def _classes(before: Counter[int], after: Counter[int]) -> list[str]:
    return [f"{id2label[label].name:<22}{before[label]:>10,}{after[label]:>10,}" for label in sorted(before | after)]


def rules_met(tally: Tally) -> list[str]:
    """A line for each rule that was met, the most frequent first: cases, pixels, situation."""
    rows = sorted(((count, name) for name, count in tally.cases.items() if count), reverse=True)
    return [f"{name:<22}{count:>10,}{tally.pixels[name]:>14,}  {RULE_OF_NAME[name].situation}" for count, name in rows]

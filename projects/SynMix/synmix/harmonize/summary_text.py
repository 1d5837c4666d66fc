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
        *_remarks(summary),
    ]
    if summary.skipped:
        lines += ["", f"skipped {len(summary.skipped):,} frames (all of them in summary.json)"]
        lines += [f"  frame {number}: {reason}" for number, reason in summary.skipped[:_SHOWN]]
    return "\n".join(lines)


def _remarks(summary: Summary) -> list[str]:
    """What had to be measured, images without labels, and values that no class is known of."""
    lines = [f"measured: {note}" for note in summary.notes]
    if summary.unlabelled:
        lines.append(f"images without labels, as is usual there: {summary.unlabelled:,}")
    if summary.tally.unknown:
        values = ", ".join(f"{value} ({count:,})" for value, count in summary.tally.unknown.most_common(_SHOWN))
        lines.append(
            f"unknown classes, with their pixels or labels: {values}; they became 'unlabeled' (name them under "
            "'classes' in the description)"
        )
    return ["", *lines] if lines else []


def _classes(before: Counter[int], after: Counter[int]) -> list[str]:
    return [f"{id2label[label].name:<22}{before[label]:>10,}{after[label]:>10,}" for label in sorted(before | after)]


def rules_met(tally: Tally) -> list[str]:
    """A line for each rule that was met, the most frequent first: cases, pixels, situation."""
    rows = sorted(((count, name) for name, count in tally.cases.items() if count), reverse=True)
    return [f"{name:<22}{count:>10,}{tally.pixels[name]:>14,}  {RULE_OF_NAME[name].situation}" for count, name in rows]

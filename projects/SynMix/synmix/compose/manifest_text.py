"""Manifests as text: a table of labels for each data set."""

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from synmix.compose.removal_rules import PIXELS, RULES, RemovalRule
from synmix.labels import MIN_PIXELS

_WIDTH = 110


def summary(manifest: Mapping[str, Any]) -> str:
    """A manifest as text for logs and terminals: a table of labels for each data set, and the totals."""
    buffer = io.StringIO()
    output = Console(file=buffer, width=_WIDTH)
    for entry in manifest["data_sets"]:
        output.print(_labels_table(entry, RULES[manifest["removal_by"]]))
        if entry.get("missing_classes"):
            output.print(f"not labelled there: {', '.join(entry['missing_classes'])}", highlight=False)
        if entry.get("left_out_classes"):
            counts = ", ".join(f"{count:,} {name}" for name, count in entry["left_out_classes"].items())
            output.print(f"labels left out, of classes that DATASETS.CLASSES does not name: {counts}", highlight=False)
    output.print(
        f"{manifest['images']:,} images an epoch, {manifest['labels']:,} labels kept, "
        f"{manifest['labels_removed']:,} removed; seed {manifest['seed']}, checksum {manifest['checksum'][:16]}",
        highlight=False,
    )
    return buffer.getvalue().rstrip()


def _labels_table(entry: Mapping[str, Any], rule: RemovalRule) -> Table:
    title = f"{entry['name']} ({entry['domain']}): {entry['images']:,} of {entry['available']:,} images"
    title += f", each {entry['repeat']} times" if entry["repeat"] > 1 else ""
    title += f", {entry['images_without_labels']:,} without labels" if entry["images_without_labels"] else ""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("class")
    last = "largest removed [px]" if rule is PIXELS else f"up to {rule.name} [{rule.unit}]"
    for heading in ("labels", "removed", "%", "kept", last, f"removed under {MIN_PIXELS} px"):
        table.add_column(escape(heading), justify="right")  # Rich takes [px] for a colour
    for row in entry["classes"].values():
        table.add_row(row["category"], *_cells(row))
    return table


def _cells(row: Mapping[str, Any]) -> list[str]:
    threshold = "-" if row["threshold"] is None else f"{row['threshold']:,.6g}"
    share = 100 * row["removed_unscored"] / row["removed"] if row["removed"] else 0.0
    unscored = f"{row['removed_unscored']:,} ({share:.0f} %)" if row["removed"] else "-"
    counts = [f"{row[key]:,}" for key in ("labels", "removed")]
    return [*counts, f"{row['percent']:g}", f"{row['kept']:,}", threshold, unscored]

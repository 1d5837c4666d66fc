"""The experiment's report: tables in Markdown and two plots, published numbers beside ours."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from synmix.errors import UserError
from synmix.files import atomic_path, write_text
from synmix.study.store import Store
from vehicle_keypoints.experiment import ARMS, KillSwitch, Scale, judge, results_of
from vehicle_keypoints.published import PUBLISHED, TITLES
from vehicle_keypoints.result import FIGURES, KeypointResult, mean_with_interval, paired_difference

_HEADERS = {"AP": "OKS-mAP", "PCK@0.05-original": "PCK as in Phase 0", "box-AP50": "box AP50"}
_PREDICTIONS = "predictions.jpg"  # of the tool's action 'gallery'; shown where it was drawn before
_INK, _OURS, _THEIRS, _PALE = "#22262e", "#2f6fde", "#e07a2f", "#c9ced8"


def _results(scale: Scale, store: Store, switch: KillSwitch) -> dict[str, list[KeypointResult]]:
    found = {arm: results_of(scale, arm, switch.seeds, store) for arm in ARMS}
    return {arm: runs for arm, runs in found.items() if runs}


def arms_table(scale: Scale, store: Store, switch: KillSwitch) -> str:
    """Markdown: for each arm the mean over its seeds with its interval, and what was published."""
    results = _results(scale, store, switch)
    if not results:
        raise UserError(f"the store '{store.root}' holds no finished run; run 'tools/keypoints_experiment.py run'.")
    head = ["arm", "seeds", *(_HEADERS.get(name, name) for name in FIGURES), "published"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for arm, runs in results.items():
        ours = mean_with_interval(runs, switch.resamples, switch.confidence)
        cells = [f"{ours[name]['mean']:.1f}" for name in FIGURES]
        cells[0] = f"**{cells[0]}** [{ours['AP']['low']:.1f}, {ours['AP']['high']:.1f}]"
        published = ", ".join(f"{_HEADERS.get(name, name)} {value:.1f}" for name, value in PUBLISHED[arm].items())
        lines.append([TITLES[arm], str(len(runs)), *cells, published])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _flip_paragraph(results: dict[str, list[KeypointResult]], switch: KillSwitch) -> str:
    pairs = min(len(results.get(arm, [])) for arm in ("identity_flip", "corrected_flip"))
    if not pairs:
        return "Not yet run."
    sides = results["identity_flip"][:pairs], results["corrected_flip"][:pairs]
    gains = paired_difference(*sides, switch.resamples, switch.confidence)
    rows = ["| figure | gain | 95 % interval | p | published |", "|---|---:|---:|---:|---:|"]
    for name in FIGURES:
        gain, before, after = gains[name], PUBLISHED["identity_flip"].get(name), PUBLISHED["corrected_flip"].get(name)
        published = f"{after - before:+.1f}" if before is not None and after is not None else ""
        interval = f"[{gain['low']:+.1f}, {gain['high']:+.1f}]"
        cells = [
            _HEADERS.get(name, name),
            f"{gain['difference']:+.1f} pp",
            interval,
            f"{gain['p_value']:.3f}",
            published,
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _verdict_paragraph(results: dict[str, list[KeypointResult]], switch: KillSwitch) -> str:
    terms = (
        f"Declared before the runs (`configs/vehicle_keypoints/kill_switch.yaml`): {switch.candidate} must beat "
        f"{switch.control} by {switch.min_gain:+g} pp {switch.figure}; pass where the whole "
        f"{100 * switch.confidence:g} % interval reaches that, fail where none "
        f"of it does, else inconclusive. Seeds {list(switch.seeds)}, "
        f"{switch.resamples} resamples of images and seeds, paired in both."
    )
    try:
        verdict = judge(switch, results.get(switch.control, []), results.get(switch.candidate, []))
    except UserError as error:
        return f"{terms}\n\n**No verdict yet:** {error}"
    published = PUBLISHED["arm_a"]["AP"] - PUBLISHED["arm_b"]["AP"]
    theirs = f"(Phase 0: {published:+.1f} pp, one training each, no interval.)"
    return f"{terms}\n\n**{verdict.sentence}** {theirs}"


def write_report(scale: Scale, store: Store, switch: KillSwitch, folder: Path) -> Path:
    """Writes ``README.md``, ``arms.png`` and ``points.png`` into ``folder``; works with runs missing.

    Returns:
        the path of the Markdown file.

    Raises:
        UserError: nothing is finished.
    """
    results = _results(scale, store, switch)
    table = arms_table(scale, store, switch)
    pictures = [_draw_arms(results, switch, folder / "arms.png")]
    if {"identity_flip", "corrected_flip"} <= results.keys():
        pictures.append(_draw_points(results, folder / "points.png"))
    minutes = sum(store.status(run_id).seconds for run_id in store.ids()) / 60
    note = (
        "The miniature is drawn, not photographed, and its model is narrow and trained for minutes: these figures say "
        "nothing about CarFusion or CitySample, only whether the experiment shows what it should.\n\n"
        if scale.name == "mini"
        else ""
    )
    write_text(
        folder / "README.md",
        f"# Vehicle keypoints at scale '{scale.name}'\n\n{note}"
        f"`tools/keypoints_experiment.py run --scale {scale.name}` trains what is missing of it and "
        f"`tools/keypoints_experiment.py report --scale {scale.name}` writes this page; {len(store.ids())} runs took "
        f"{minutes:.0f} minutes in all.\n\n"
        f"## Arms\n\nMeans over seeds in percent; OKS-mAP with its 95 % interval over images and seeds.\n\n{table}\n\n"
        f"![arms](arms.png)\n\n"
        f"## What the flip map is worth\n\n{_flip_paragraph(results, switch)}\n\n"
        + ("![points](points.png)\n\n" if len(pictures) > 1 else "")
        + (f"![predictions]({_PREDICTIONS})\n\n" if (folder / _PREDICTIONS).is_file() else "")
        + f"## The kill switch\n\n{_verdict_paragraph(results, switch)}\n",
    )
    return folder / "README.md"


def _style(axes: plt.Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, colors=_INK, labelsize=9)
    axes.grid(axis="x", color="#e6e8ee", linewidth=0.8)
    axes.set_axisbelow(True)


def _draw_arms(results: dict[str, list[KeypointResult]], switch: KillSwitch, path: Path) -> Path:
    """OKS-mAP of each arm: the mean with its interval, each seed, and the published figure."""
    figure, axes = plt.subplots(figsize=(7.6, 0.62 * len(results) + 1.3), dpi=110)
    for row, (arm, runs) in enumerate(results.items()):
        ours = mean_with_interval(runs, switch.resamples, switch.confidence)["AP"]
        axes.plot([ours["low"], ours["high"]], [row, row], color=_OURS, linewidth=7, alpha=0.25, solid_capstyle="round")
        seeds = [float(run.figures()["AP"][0]) for run in runs]
        axes.plot(seeds, [row] * len(seeds), "|", color=_OURS, markersize=11)
        axes.plot(ours["mean"], row, "o", color=_OURS, markersize=8)
        if "AP" in PUBLISHED[arm]:
            axes.plot(PUBLISHED[arm]["AP"], row, "D", color=_THEIRS, markersize=6)
    axes.plot([], [], "o", color=_OURS, label="ours: mean, seeds, 95 % interval")
    axes.plot([], [], "D", color=_THEIRS, label="Phase 0 (CarFusion)")
    axes.set_yticks(range(len(results)), [TITLES[arm] for arm in results])
    axes.invert_yaxis()
    axes.set_xlabel("OKS-mAP, percent", color=_INK, fontsize=9)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.4, 1.16), ncols=2)
    _style(axes)
    return _save(figure, path)


def _draw_points(results: dict[str, list[KeypointResult]], path: Path) -> Path:
    """PCK@0.05 of each point under the two flip maps."""
    means = {arm: _mean_by_point(results[arm]) for arm in ("identity_flip", "corrected_flip")}
    points = [name for name in results["corrected_flip"][0].points if not np.isnan(means["corrected_flip"][name])]
    figure, axes = plt.subplots(figsize=(7.6, 0.31 * len(points) + 1.2), dpi=110)
    for row, name in enumerate(points):
        before, after = means["identity_flip"][name], means["corrected_flip"][name]
        axes.plot([before, after], [row, row], color=_PALE, linewidth=3, zorder=1)
        axes.plot(before, row, "o", color=_THEIRS, markersize=7)
        axes.plot(after, row, "o", color=_OURS, markersize=7)
    axes.plot([], [], "o", color=_THEIRS, label="identity flip map")
    axes.plot([], [], "o", color=_OURS, label="corrected flip map")
    axes.set_yticks(range(len(points)), [name.replace("_", " ") for name in points])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("PCK@0.05, one to one, percent", color=_INK, fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.4, 1.1), ncols=2)
    _style(axes)
    return _save(figure, path)


def _mean_by_point(runs: Sequence[KeypointResult]) -> dict[str, float]:
    tables = [run.by_point() for run in runs]
    return {
        name: float(np.mean([np.nan if table[name] is None else table[name] for table in tables])) for name in tables[0]
    }


def _save(figure: plt.Figure, path: Path) -> Path:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    return path

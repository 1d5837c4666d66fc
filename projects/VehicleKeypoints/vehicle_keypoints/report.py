"""What the report of the keypoint experiment shows beside its tables: arms and points as plots, what the flip map and
the synthetic frames are worth."""

import numpy as np
from matplotlib.axes import Axes

from synmix.minus import signed
from synmix.report.estimates import Estimate, Estimates
from synmix.report.figures import BLUE, GRAY, ORANGE, drawn
from synmix.report.report_model import Grid, Paragraph, Picture, Section
from vehicle_keypoints.published import OLD_GATE, PUBLISHED, TITLES
from vehicle_keypoints.result import FIGURES
from vehicle_keypoints.study import ARMS, ARMS_OF_FLIP, FIGURE_TITLES, REAL, arm, judged_on


def opening(estimates: Estimates) -> list[Section]:
    """What stands before the tables."""
    caption = "OKS-mAP of each arm: mean with its 95 % interval, a line a seed; diamonds: published (YOLO, CarFusion)."
    return [Section("arms", "Arms", (Picture("arms", _arms_figure(estimates), caption),)), _flip_section(estimates)]


def closing(estimates: Estimates) -> list[Section]:
    """What stands behind the tables."""
    gain = estimates.difference(arm(estimates.scale, "arm_b"), arm(estimates.scale, "arm_a"), REAL)
    published = PUBLISHED["arm_a"]["AP"] - PUBLISHED["arm_b"]["AP"]
    theirs = f"The original reports {signed(published)} pp, one training each, no interval."
    gate = (
        f"Its own gate was {OLD_GATE:.4f}, two points above the model with the identity flip map. Both arms clear it "
        f"({signed(PUBLISHED['arm_b']['AP'] - PUBLISHED['identity_flip']['AP'])} pp and "
        f"{signed(PUBLISHED['arm_a']['AP'] - PUBLISHED['identity_flip']['AP'])} pp over that model), the control by "
        "itself too, so that the original calls it obsolete; the fair comparison is arm A against arm B."
    )
    text = f"Synthetic frames change OKS-mAP by {_show(gain)}. {theirs}" if gain else f"Not yet run. {theirs}"
    how = (
        "The gain that counts is declared before the runs: tools/gate.py declare --terms "
        "configs/vehicle_keypoints/kill_switch.yaml; tools/gate.py judge kill_switch gives the verdict."
    )
    return [
        Section(
            "verdict", "What the synthetic frames are worth", (Paragraph(text), Paragraph(gate), Paragraph(how, "dim"))
        )
    ]


def _points_figure(estimates: Estimates) -> str:
    """PCK@0.05 of each point under the two flip maps."""
    results = {name: estimates.results(arm(estimates.scale, name), REAL) for name in ARMS_OF_FLIP}
    if not all(results.values()):
        return drawn((7, 1), lambda axes: _say(axes, "not yet run"), "PCK of each point: not yet run")
    means = {
        name: {
            point: float(np.mean([np.nan if (value := run.by_point()[point]) is None else value for run in runs]))
            for point in runs[0].points
        }
        for name, runs in results.items()
    }
    before, after = (means[name] for name in ARMS_OF_FLIP)
    points = [point for point, value in after.items() if not np.isnan(value)]

    def draw(axes: Axes) -> None:
        for row, point in enumerate(points):
            axes.plot([before[point], after[point]], [row, row], color=GRAY, linewidth=3, alpha=0.5, zorder=1)
            axes.plot(before[point], row, "o", color=ORANGE, markersize=7, label="" if row else "identity flip map")
            axes.plot(after[point], row, "o", color=BLUE, markersize=7, label="" if row else "corrected flip map")
        axes.set_yticks(range(len(points)), [point.replace("_", " ") for point in points])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.set_xlabel("PCK@0.05, one to one (%)")
        axes.legend(loc="best")

    return drawn(
        (7.6, 0.31 * len(points) + 1.2), draw, "PCK of each point under the identity and the corrected flip map"
    )


PICTURES = {"flip": (_points_figure, "PCK@0.05 of each point under the two flip maps.")}


def _arms_figure(estimates: Estimates) -> str:
    """OKS-mAP of each arm: the mean with its interval, each seed, and the published figure."""
    found = {name: estimates.estimate(arm(estimates.scale, name), judged_on(name)) for name in ARMS}

    def draw(axes: Axes) -> None:
        for row, (name, ours) in enumerate(found.items()):
            if ours:
                axes.plot([ours.low, ours.high], [row, row], color=BLUE, lw=7, alpha=0.25, solid_capstyle="round")
                seeds = estimates.results(arm(estimates.scale, name), judged_on(name))
                axes.plot([run.figures["AP"] for run in seeds], [row] * len(seeds), "|", color=BLUE, markersize=11)
                axes.plot(ours.value, row, "o", color=BLUE, markersize=8)
            if "AP" in PUBLISHED[name]:
                axes.plot(PUBLISHED[name]["AP"], row, "D", color=ORANGE, markersize=6)
        axes.set_yticks(range(len(found)), [TITLES[name] for name in found])
        axes.invert_yaxis()
        axes.set_xlabel("OKS-mAP (%)")
        axes.set_xlim(left=0)

    return drawn((7.6, 0.62 * len(found) + 1.0), draw, "OKS-mAP of each arm with its interval")


def _flip_section(estimates: Estimates) -> Section:
    """What the flip map is worth, figure by figure."""
    wrong, right = (arm(estimates.scale, name) for name in ARMS_OF_FLIP)
    rows = []
    for name in FIGURES:
        gain = estimates.difference(wrong, right, REAL, name)
        before, after = (PUBLISHED[key].get(name) for key in ARMS_OF_FLIP)
        published = signed(after - before) if before is not None and after is not None else ""
        rows.append((FIGURE_TITLES.get(name, name), _show(gain) if gain else "not yet run", published))
    header = ("figure", "gain [95 %]", "published")
    return Section("worth", "What the flip map is worth", (Grid(header, tuple(rows), numeric=(1, 2)),))


def _show(gain: Estimate) -> str:
    text = f"{signed(gain.value)} pp [{signed(gain.low)}, {signed(gain.high)}]"
    return text + (f", {gain.seeds} seeds" if gain.seeds > 1 else "")


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=GRAY)
    axes.set_axis_off()

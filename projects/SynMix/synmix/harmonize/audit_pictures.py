"""The audit as pictures: size distributions, the instances of a frame, and the paper's Figure 2."""

import colorsys
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import polars as pl
from cityscapesscripts.helpers.labels import id2label
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synmix.data.images import read_rgb
from synmix.data.run_lengths import regions_of, runs_of
from synmix.errors import UserError
from synmix.harmonize.auditing import Audit, Item
from synmix.harmonize.relabel import harmonize
from synmix.labels import CLASS_NAMES, INSTANCE_FACTOR, INSTANCE_LABELS, LABEL_IDS, MIN_PIXELS, RIDER
from synmix.pictures import side_by_side

Color = tuple[float, float, float]
_COLORS = ("#1f6fb4", "#d9541e", "#c9a27e", "#5b8c5a")


def size_plot(audits: Sequence[Audit]) -> Figure:
    """Cumulative size distributions, a panel per class; sizes as shares of the image, since images differ in size."""
    figure = Figure(figsize=(13.5, 6.4), layout="constrained")
    for index, (label, name) in enumerate(zip(LABEL_IDS, CLASS_NAMES, strict=True)):
        axes = figure.add_subplot(2, 4, index + 1)
        for audit, color in zip(audits, _COLORS, strict=False):
            _cumulative(axes, audit, label, color)
        axes.set(title=name, xscale="log", ylim=(0, 1))
        _tidy(axes, "share of instances" if index % 4 == 0 else "", "size, ‰ of the image" if index >= 4 else "")
    handles = [Line2D([], [], color=color, label=audit.name) for audit, color in zip(audits, _COLORS, strict=False)]
    note = f"{MIN_PIXELS} pixels: the metric scores nothing smaller"
    handles.append(Line2D([], [], color="#777777", linestyle=":", label=note))
    figure.legend(handles=handles, loc="outside upper center", ncols=5, frameon=False)
    return figure


def _cumulative(axes: Axes, audit: Audit, label: int, color: str) -> None:
    shares = audit.instances.filter(pl.col("label") == label)["share"].sort().to_numpy()
    if len(shares):
        axes.step(shares, np.arange(1, len(shares) + 1) / len(shares), where="post", color=color, linewidth=1.7)
        axes.axvline(1000 * MIN_PIXELS * audit.frames / audit.image_pixels, color=color, linestyle=":", linewidth=1)


def _tidy(axes: Axes, y_label: str, x_label: str) -> None:
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def convention_plot(audits: Sequence[Audit]) -> Figure:
    """Instances a frame, and riders and vehicles: how many stand alone."""
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.6, 1.2))
    counts = [_counts(audit) for audit in audits]
    largest = max(int(values.max(initial=1)) for values in counts)
    bins = np.arange(0, largest + 2, max(1, largest // 20)) - 0.5
    for audit, values, color in zip(audits, counts, _COLORS, strict=False):
        left.hist(values, bins.tolist(), density=True, histtype="step", color=color, linewidth=1.7, label=audit.name)
    _tidy(left, "share of frames", "instances a frame")
    left.set_yticks([])
    _bars(middle, audits, [_per_frame(audit) for audit in audits], CLASS_NAMES)
    _tidy(middle, "instances a frame", "")
    middle.tick_params(axis="x", rotation=35)
    _bars(
        right,
        audits,
        [_partner_shares(audit) for audit in audits],
        ("riders that touch\na vehicle", "vehicles that\ntouch a rider"),
    )
    _tidy(right, "share", "")
    handles = [Line2D([], [], color=color, label=audit.name) for audit, color in zip(audits, _COLORS, strict=False)]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _counts(audit: Audit) -> np.ndarray:
    """Instances of each frame, also of those without any."""
    counts = audit.instances.group_by("frame").len()["len"].to_numpy()
    return np.concatenate([counts, np.zeros(audit.frames - len(counts), int)])


def _bars(axes: Axes, audits: Sequence[Audit], heights: Sequence[Sequence[float]], names: Sequence[str]) -> None:
    width = 0.8 / len(audits)
    for index, (audit, values) in enumerate(zip(audits, heights, strict=True)):
        places = np.arange(len(names)) + (index - (len(audits) - 1) / 2) * width
        axes.bar(places, values, width, color=_COLORS[index % len(_COLORS)], label=audit.name)
    axes.set_xticks(range(len(names)), names)


def _per_frame(audit: Audit) -> list[float]:
    return [float((audit.instances["label"] == label).sum()) / audit.frames for label in LABEL_IDS]


def _partner_shares(audit: Audit) -> list[float]:
    shares = []
    for labels in ((RIDER,), (32, 33)):
        partners = audit.instances.filter(pl.col("label").is_in(labels))["partners"]
        shares.append(float((partners > 0).sum() / len(partners)) if len(partners) else 0.0)
    return shares


def harmonization_picture(items: Sequence[Item]) -> tuple[str, np.ndarray]:
    """The paper's Figure 2: original labels, class map and harmonised labels, whole and close, of the frame whose
    rider and vehicle show best.

    Args:
        items: raw Synscapes frames to choose from.

    Returns:
        The frame's name and (H, W, 3) RGB.

    Raises:
        UserError: no frame has a rider to split from a vehicle.
    """
    name, item, box = _best_rider(items)
    labels = item.read()
    result = harmonize(labels)
    image = read_rgb(item.image)
    enlarge = max(1, round(1280 / image.shape[1]))
    before = np.where(np.isin(labels.class_map, list(INSTANCE_LABELS)), labels.instance_ids, 0)
    after = np.where(result.instance_ids < INSTANCE_FACTOR, 0, result.instance_ids)
    hues = {value: (0.58 + 0.618034 * rank) % 1 for rank, value in enumerate(np.unique(before).tolist())}
    layers = (
        ("Synscapes: rider and vehicle are one", paint(image, before, _hue_colors(hues), enlarge)),
        ("class map: tells which pixels are the rider's", paint(image, labels.class_map, _class_colors(), enlarge)),
        (
            "harmonised: two instances, as in Cityscapes",
            paint(image, after, _after_colors(before, after, hues), enlarge),
        ),
    )
    rows, columns = (slice(enlarge * part.start, enlarge * part.stop) for part in _crop(box, image.shape[:2]))
    close = [("", picture[rows, columns]) for _, picture in layers]
    return name, side_by_side([layers, close], width=560)


def _hue_colors(hues: Mapping[int, float]) -> dict[int, Color]:
    return {value: _color(hue) for value, hue in hues.items()}


def _after_colors(before: np.ndarray, after: np.ndarray, hues: Mapping[int, float]) -> dict[int, Color]:
    """An instance keeps the colour that it had; a rider takes the opposite one of the vehicle's."""
    values, first = np.unique(after, return_index=True)
    sources = before.reshape(-1)[first].tolist()
    turns = [0.5 if value // INSTANCE_FACTOR == RIDER else 0.0 for value in values.tolist()]
    return {
        value: _color((hues[source] + turn) % 1)
        for value, source, turn in zip(values.tolist(), sources, turns, strict=True)
    }


def _best_rider(items: Sequence[Item]) -> tuple[str, Item, tuple[int, int, int, int]]:
    """The frame, and the box of the instance, in which both rider and vehicle are largest; preferably not cut off."""
    best: tuple[tuple[bool, int], Item, tuple[int, int, int, int]] | None = None
    for item in items:
        labels = item.read()
        riders = np.where(labels.class_map == RIDER, labels.instance_ids, 0)
        regions = regions_of(runs_of(riders))
        wholes = regions_of(runs_of(labels.instance_ids))
        size = dict(zip(wholes.values.tolist(), wholes.pixels.tolist(), strict=True))
        box = dict(zip(wholes.values.tolist(), wholes.boxes.tolist(), strict=True))
        for value, pixels in zip(regions.values.tolist(), regions.pixels.tolist(), strict=True):
            smaller = min(pixels, size[value] - pixels)
            whole = box[value][0] > 0 and box[value][2] < labels.class_map.shape[1]
            score = whole and smaller >= MIN_PIXELS, smaller
            if value and smaller and (best is None or score > best[0]):
                best = score, item, tuple(box[value])
    if best is None:
        raise UserError("no frame looked at has a rider on a vehicle; look at more of them with --frames.")
    return best[1].name, best[1], best[2]


def _crop(box: tuple[int, int, int, int], shape: tuple[int, int]) -> tuple[slice, slice]:
    """A window of the image's proportions around a box, a quarter larger, inside the image."""
    height, width = shape
    x_min, y_min, x_max, y_max = box
    scale = min(1.0, 1.25 * max((x_max - x_min) / width, (y_max - y_min) / height))
    rows, columns = round(scale * height), round(scale * width)
    top = min(max(0, (y_min + y_max - rows) // 2), height - rows)
    left = min(max(0, (x_min + x_max - columns) // 2), width - columns)
    return slice(top, top + rows), slice(left, left + columns)


def _class_colors() -> dict[int, Color]:
    return {label: id2label[label].color for label in range(34)}


def paint(image: np.ndarray, ids: np.ndarray, colors: Mapping[int, Color], enlarge: int = 1) -> np.ndarray:
    """Paints a map of ids over an image, with white outlines.

    Args:
        image: (H, W, 3) RGB.
        ids: (H, W); 0 stays unpainted.
        colors: id -> RGB; an id without one stays unpainted.
        enlarge: a whole factor; outlines are one pixel after enlarging.
    """
    values, index = np.unique(ids, return_inverse=True)
    index = index.reshape(ids.shape)
    palette = np.array([colors.get(value, (0, 0, 0)) for value in values.tolist()], np.float32)
    painted = np.array([value != 0 and value in colors for value in values.tolist()])
    opacity = np.where(painted[index], 0.6, 0.0)[..., None]
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    picture = (opacity * palette[index] + (1 - opacity) * (0.4 * image + 0.6 * gray)).astype(np.uint8)
    picture, large = (each.repeat(enlarge, axis=0).repeat(enlarge, axis=1) for each in (picture, index))
    edge = np.zeros(large.shape, bool)
    edge[1:] |= large[1:] != large[:-1]
    edge[:, 1:] |= large[:, 1:] != large[:, :-1]
    picture[edge] = 255
    return picture


def _color(hue: float) -> Color:
    red, green, blue = colorsys.hls_to_rgb(hue, 0.52, 0.85)
    return 255 * red, 255 * green, 255 * blue

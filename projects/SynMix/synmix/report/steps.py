"""Figures 1 to 3: the processing steps with what they reach here, a frame harmonised, a frame at several thresholds."""

import base64
from html import escape

import cv2
import numpy as np

from synmix.answer.figures import INK
from synmix.compose.pictures import fullest_frame, removal_sheet
from synmix.data import sources
from synmix.errors import UserError
from synmix.harmonize.audit import evenly, raw_folder, raw_frames
from synmix.harmonize.audit_pictures import harmonization_picture
from synmix.report.estimates import Estimates
from synmix.report.figures import BLUE, GRAY, ORANGE
from synmix.report.report_model import Block, Paragraph, Picture, Section
from synmix.study.experiments import REAL, SYNTHETIC, baseline, published_ap, training
from synmix.study.runs import Run
from synmix.study.scale import Scale

_LOOKED_AT = 60  # raw frames, for one whose rider shows
_WIDTH, _JPEG_QUALITY = 1200, 82
_FONT = 'font-family="system-ui,Segoe UI,Helvetica Neue,Arial,sans-serif"'


def steps_section(estimates: Estimates) -> Section:
    """The three figures; the second and third where the data lie on this disk."""
    blocks: list[Block] = [Picture("steps", steps_figure(estimates), "Figure 1: the steps, and AP in percent here.")]
    for name, draw, caption in (
        ("harmonization", _harmonized, "Figure 2: labels as Synscapes has them, its class map, and harmonised."),
        ("removal-frame", _removed, "Figure 3: one frame's labels as more and more of the smallest are removed."),
    ):
        try:
            blocks.append(Picture(name, _embedded(draw(estimates.scale), caption), caption))
        except UserError as missing:
            blocks.append(Paragraph(f"{caption} Not here: {missing}", "dim"))
    return Section("steps", "Figures 1 to 3: the processing steps", tuple(blocks))


def _harmonized(scale: Scale) -> np.ndarray:
    raw = raw_frames(raw_folder([scale.data_set("synscapes_instance_train")]))
    return harmonization_picture(evenly(raw, _LOOKED_AT))[1]


def _removed(scale: Scale) -> np.ndarray:
    source = sources.source(scale.data_set("synscapes_instance_val"))
    table = source.table()
    return removal_sheet(source, table, fullest_frame(table))


def _embedded(image: np.ndarray, title: str) -> str:
    """(H, W, 3) RGB as an SVG that holds it and says what it shows."""
    height = round(image.shape[0] * _WIDTH / image.shape[1])
    small = cv2.resize(image, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    data = base64.b64encode(jpeg.tobytes()).decode()
    content = f'<image width="{_WIDTH}" height="{height}" href="data:image/jpeg;base64,{data}"/>'
    return _svg(content, _WIDTH, height, title)


def _svg(content: str, width: int, height: int, title: str) -> str:
    about = f'role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg"'
    return f'<svg {about} viewBox="0 0 {width} {height}" {_FONT}>{content}</svg>'


def steps_figure(estimates: Estimates) -> str:
    """Figure 1 as SVG: what is done to the labels, the four ways to train, and AP on both domains."""
    scale = estimates.scale
    ways = (
        ("Real images alone", baseline(scale)),
        ("Mixture", training(scale, "mixture.yaml")),
        ("Fine-tuning", training(scale, "finetune_best.yaml")),
        ("Synthetic images alone", training(scale, "synscapes_20k_removal.yaml")),
    )
    tops = [44 + 78 * place for place in range(len(ways))]
    parts = [_text(560, 28, "AP on", INK, 13), _text(640, 28, "Cityscapes", BLUE, 13)]
    parts.append(_text(750, 28, "Synscapes", ORANGE, 13))
    parts += [_box(20, tops[0], 150, "Cityscapes", BLUE), _box(20, tops[3], 150, "Synscapes", ORANGE)]
    parts += [_box(20, tops[2], 150, "harmonise labels", GRAY), _box(20, tops[1], 150, "remove labels", GRAY)]
    parts += [_arrow(95, tops[3], 95, tops[2] + 44), _arrow(95, tops[2], 95, tops[1] + 44)]
    parts += [_arrow(170, tops[0] + 22, 330, tops[place] + 22) for place in (0, 1, 2)]
    parts += [_arrow(170, tops[1] + 22, 330, tops[place] + 22) for place in (1, 3)]
    parts += [_arrow(435, tops[3], 435, tops[2] + 44)]
    for (title, run), top in zip(ways, tops, strict=True):
        parts.append(_box(330, top, 210, title, INK))
        parts += _figures(estimates, run, top)
    title = "Labels are harmonised and removed; four ways to train, with their average precision on both domains"
    return _svg("".join(parts), 840, 348, title)


def _figures(estimates: Estimates, run: Run, top: int) -> list[str]:
    parts = [_text(560, top + 20, "here", INK, 13), _text(560, top + 38, "paper", GRAY, 13)]
    for left, data_set, color in ((640, REAL, BLUE), (750, SYNTHETIC, ORANGE)):
        ours, theirs = estimates.estimate(run, data_set), published_ap(estimates.scale, run, data_set)
        parts.append(_text(left, top + 20, f"{ours.value:.1f}" if ours else "not yet run", color, 15 if ours else 11))
        parts.append(_text(left, top + 38, "–" if theirs is None else f"{theirs:.1f}", GRAY, 13))
    return parts


def _text(x: int, y: int, text: str, color: str, size: int, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="{color}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'


def _box(x: int, y: int, width: int, title: str, color: str) -> str:
    frame = (
        f'<rect x="{x}" y="{y}" width="{width}" height="44" rx="8" fill="none" stroke="{color}" stroke-width="1.5"/>'
    )
    return frame + _text(x + width // 2, y + 27, title, color if color != GRAY else INK, 14, "middle")


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    along = np.array([x2 - x1, y2 - y1], float) / np.hypot(x2 - x1, y2 - y1)
    across = np.array([-along[1], along[0]])
    end = np.array([x2, y2]) - 2 * along
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (end, end - 9 * along + 4 * across, end - 9 * along - 4 * across))
    stem = end - 8 * along
    line = f'<line x1="{x1}" y1="{y1}" x2="{stem[0]:.1f}" y2="{stem[1]:.1f}" stroke="{GRAY}" stroke-width="1.3"/>'
    return f'{line}<polygon points="{points}" fill="{GRAY}"/>'

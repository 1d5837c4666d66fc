"""What ``tools/eval_cityscapes.py`` does once there are predictions or results: scores folders, prints tables, writes
what was asked for, and says whether all checks passed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from synmix.errors import UserError
from synmix.evaluate.average_precision import MatchTable, average_precision
from synmix.evaluate.bootstrap import Difference, paired_difference, remarks
from synmix.evaluate.by_size import COCO_EDGES
from synmix.evaluate.cityscapes_format import ImageFiles, match_folders, pair_files, read_predictions
from synmix.evaluate.result import Result, make_result, provenance, read_result, to_json
from synmix.evaluate.tables import comparison_table, figures_table, plain_table, result_table
from synmix.evaluate.why import Why, causes_table, explain, sizes_table, why_json
from synmix.files import nan_to_null, write_json

OK, CHECK_FAILED = 0, 1
_TOLERANCE = 1e-9  # of ours to the script's figures, in 0..1


@dataclass(frozen=True)
class Sampling:
    """Of the bootstrap; 0 resamples leave the intervals out."""

    resamples: int = 1000
    confidence: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Wishes:
    """What to write beside the tables, and what to check."""

    json: Path | None = None  # the figures, with what they follow from
    chart: Path | None = None  # bars of AP and AP50 per class
    errors: Path | None = None  # a folder for pages of the worst mistakes
    export: Path | None = None  # a folder for predictions in the test server's format
    official: bool = False  # run cityscapesScripts too; a difference fails
    min_ap: float | None = None  # percent; below fails
    fail_if_worse: bool = False
    why: bool = False  # tables of errors by cause and of AP by size
    why_chart: Path | None = None  # the former as stacked bars
    size_edges: tuple[float, ...] = COCO_EDGES  # pixels


def score_folders(
    predictions: Path,
    ground_truth: Path,
    wishes: Wishes = Wishes(),
    sampling: Sampling = Sampling(),
    images: Path | None = None,
    num_workers: int = 0,
) -> int:
    """Scores predictions in the Cityscapes result format.

    Args:
        images: where the images of ``ground_truth`` lie, for pictures of mistakes.
        num_workers: processes; 0 takes all cores.

    Returns:
        ``OK`` or ``CHECK_FAILED``.
    """
    files = pair_files(predictions, ground_truth)
    table = match_folders(predictions, ground_truth, num_workers)
    source = provenance(predictions=str(predictions), ground_truth=str(ground_truth))
    result = make_result(str(ground_truth), table, **asdict(sampling), provenance=source)
    official = {}
    if wishes.official:
        from synmix.evaluate.official import official_average_precision

        texts, maps = [file.predictions for file in files], [file.instance_map for file in files]
        official = {result.dataset: official_average_precision(texts, maps, predictions)}
    if wishes.errors:
        _draw_errors(files, predictions, wishes.errors, images)
    return report({result.dataset: result}, wishes, official)


def compare(
    first: Sequence[str], second: Sequence[str], wishes: Wishes = Wishes(), sampling: Sampling = Sampling()
) -> int:
    """Prints how much better the second side's results are than the first's.

    Args:
        first, second: result files, one a training.

    Returns:
        ``CHECK_FAILED`` where the second is surely worse and ``fail_if_worse`` was asked for, else ``OK``.
    """
    sides = [[read_result(path) for path in side] for side in (first, second)]
    tables = [[result.table for result in side] for side in sides]
    resampling = (sampling.resamples or 1000, sampling.confidence, sampling.seed)
    differences = paired_difference(tables[0], tables[1], *resampling)
    means = [_mean_figures(side) for side in sides]
    Console(width=120).print(comparison_table(differences, means[0], means[1], sides[0][0].table.classes))
    for remark in remarks(differences):
        Console().print(remark)
    whys = _explain({"first": tables[0], "second": tables[1]}, wishes)
    if wishes.json:
        plain = {name: _plain_difference(difference) for name, difference in differences.items()}
        reasons = {"why": {side: why_json(why) for side, why in whys.items()}} if whys else {}
        both = {"first": _plain(means[0]), "second": _plain(means[1])}
        write_json(wishes.json, {**both, "difference": plain, **reasons})
    if wishes.chart:
        from synmix.evaluate.chart import draw_chart

        draw_chart(wishes.chart, {first[0]: sides[0][0], second[0]: sides[1][0]})
    if wishes.fail_if_worse and differences["AP"].high < 0:
        print("the second is worse: its interval lies below zero")
        return CHECK_FAILED
    return OK


def report(
    results: Mapping[str, Any],
    wishes: Wishes = Wishes(),
    official: Mapping[str, np.ndarray | None] | None = None,
    figures: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
) -> int:
    """Prints the tables, writes what was asked for, and checks.

    Args:
        results: by data set; of one that masks did not score only the figures are shown.
        official: what cityscapesScripts found.
        figures: data set -> task -> figure, percent; they stand for what has no result of ours.

    Returns:
        ``OK`` or ``CHECK_FAILED``.
    """
    ours = {name: result for name, result in results.items() if isinstance(result, Result)}
    others = {name: tasks for name, tasks in (figures or {}).items() if name not in ours}
    passed = True
    for dataset, result in ours.items():
        theirs = official[dataset] if official else None
        Console(width=120).print(result_table(result, theirs))
        if official:
            passed &= _agrees(result, theirs)
        passed &= _reaches(dataset, result.figures, wishes.min_ap)
    for dataset, tasks in others.items():
        for task, values in tasks.items():
            Console(width=120).print(figures_table(values, f"{dataset}: {task}"))
            passed &= _reaches(dataset, values, wishes.min_ap)
    whys = _explain({dataset: [result.table] for dataset, result in ours.items()}, wishes)
    if wishes.json:
        plain = {dataset: to_json(result) for dataset, result in ours.items()}
        for dataset, why in whys.items():
            plain[dataset]["why"] = why_json(why)
        plain |= {
            dataset: {task: _plain(values) for task, values in tasks.items()} for dataset, tasks in others.items()
        }
        write_json(wishes.json, next(iter(plain.values())) if len(plain) == 1 else plain)
    if wishes.chart and ours:
        from synmix.evaluate.chart import draw_chart

        draw_chart(wishes.chart, ours)
    return OK if passed else CHECK_FAILED


def _explain(tables: Mapping[str, Sequence[MatchTable]], wishes: Wishes) -> dict[str, Why]:
    """Prints and draws why figures are what they are, where that was asked for; {} where not.

    Args:
        tables: by name, of one training or of several.
    """
    if not (wishes.why or wishes.why_chart):
        return {}
    whys = {}
    for name, of_one in tables.items():
        try:
            whys[name] = explain(of_one, wishes.size_edges)
        except UserError as error:
            raise UserError(f"'{name}': {error}") from None
    for name, why in whys.items() if wishes.why else ():
        for table in (causes_table(why, "AP"), causes_table(why, "AP50"), sizes_table(why)):
            Console(width=120).print(plain_table(replace(table, title=f"{name}: {table.title}")))
    if wishes.why_chart and whys:
        from synmix.evaluate.why_chart import draw_causes

        draw_causes(wishes.why_chart, whys)
    return whys


def _agrees(result: Result, official: np.ndarray | None) -> bool:
    if official is None:
        print("cityscapesScripts crashed (its issue 89: every prediction of a class is ignored); ours counts 0 there")
        return True
    ours = average_precision(result.table)
    same = bool(np.array_equal(np.isnan(ours), np.isnan(official)))
    largest = float(np.nanmax(np.abs(ours - official), initial=0.0)) if same else float("inf")
    print(f"largest difference to cityscapesScripts over all classes and thresholds: {largest:.1e}")
    return largest <= _TOLERANCE


def _reaches(dataset: str, figures: Mapping[str, float], minimum: float | None) -> bool:
    found = figures.get("AP", float("nan"))
    if minimum is None or found >= minimum:  # nan reaches nothing
        return True
    print(f"AP {found:.2f} on '{dataset}' is below the asked {minimum:.2f}")
    return False


def _draw_errors(files: Sequence[ImageFiles], root: Path, folder: Path, images: Path | None) -> None:
    from synmix.data.images import read_instance_map
    from synmix.evaluate.error_pictures import WorstMistakes
    from synmix.evaluate.ground_truth import MapGroundTruth
    from synmix.evaluate.matching import match_image
    from synmix.labels import CLASS_NAMES

    mistakes = WorstMistakes(CLASS_NAMES)
    for file in files:
        truth = MapGroundTruth(read_instance_map(file.instance_map), str(file.instance_map))
        found = read_predictions(file.predictions, root, truth.shape)
        matches = match_image(truth, found.masks, found.categories, found.scores)
        frame = {"image_id": file.name, "file_name": str(file.image(images)), "instance_map": str(file.instance_map)}
        mistakes(frame, found.masks, found.categories, found.scores, matches)
    say_pages(mistakes.write(folder, "predictions"))


def say_pages(pages: Sequence[Path]) -> None:
    """Says where pages of mistakes are."""
    if pages:
        print(f"worst mistakes (green: what is true, red: what was predicted): {', '.join(map(str, pages))}")
    else:
        print("no mistakes drawn: there are none, or the images are not at hand")


def _mean_figures(side: Sequence[Result]) -> dict[str, float]:
    return {name: float(np.mean([result.figures[name] for result in side])) for name in side[0].figures}


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: nan_to_null(value) for name, value in figures.items()}


def _plain_difference(found: Difference) -> dict[str, Any]:
    numbers = ("value", "low", "high", "rare", "p_value", "image_p_value")
    return {**{key: nan_to_null(getattr(found, key)) for key in numbers}, "open": found.open, "why": found.why}

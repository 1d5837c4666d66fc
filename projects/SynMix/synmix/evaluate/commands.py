"""What ``tools/eval_cityscapes.py`` does: score a checkpoint, score a folder of predictions, compare results."""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from synmix.errors import UserError
from synmix.evaluate.average_precision import average_precision
from synmix.evaluate.bootstrap import Difference, paired_difference, remarks
from synmix.evaluate.cityscapes_format import Exporter, ImageFiles, match_folders, pair_files, read_predictions
from synmix.evaluate.result import Result, make_result, provenance, read_result, to_json
from synmix.evaluate.tables import comparison_table, result_table
from synmix.files import write_json

OK, CHECK_FAILED = 0, 1
_TOLERANCE = 1e-9  # of ours to the script's figures, in 0..1


def score_folders(arguments: argparse.Namespace) -> int:
    """Scores predictions in the Cityscapes result format."""
    predictions, ground_truth = arguments.predictions, arguments.ground_truth
    files = pair_files(predictions, ground_truth)
    table = match_folders(predictions, ground_truth, arguments.num_workers)
    source = provenance(predictions=str(predictions), ground_truth=str(ground_truth))
    sampling = (arguments.resamples, arguments.confidence, arguments.seed)
    result = make_result(str(ground_truth), table, *sampling, provenance=source)
    official = None
    if arguments.official:
        from synmix.evaluate.official import official_average_precision

        texts, maps = [file.predictions for file in files], [file.instance_map for file in files]
        official = {result.dataset: official_average_precision(texts, maps, predictions)}
    if arguments.errors:
        _draw_errors(files, predictions, arguments)
    return _report({result.dataset: result}, official, arguments)


def score_checkpoint(arguments: argparse.Namespace) -> int:
    """Scores ``MODEL.WEIGHTS`` on registered data sets; runs in each process."""
    from detectron2.utils import comm

    from synmix.evaluate.inference import evaluate_checkpoint
    from synmix.train.config import load_config

    cfg = load_config(arguments.config_file, arguments.opts)
    if arguments.datasets:
        cfg.DATASETS.TEST = tuple(arguments.datasets)
    bootstrap = (arguments.resamples, arguments.confidence, arguments.seed)
    cfg.TEST.BOOTSTRAP.RESAMPLES, cfg.TEST.BOOTSTRAP.CONFIDENCE, cfg.TEST.BOOTSTRAP.SEED = bootstrap
    with ExitStack() as scratch:
        watch = _Watch(arguments, len(cfg.DATASETS.TEST) > 1, scratch)
        results = evaluate_checkpoint(cfg, watch, arguments.trust_pickle)
        if not comm.is_main_process():
            return OK
        watch.finish()
        official = watch.official() if arguments.official else None
        return _report(results, official, arguments)


def compare(arguments: argparse.Namespace) -> int:
    """Prints how much better the second side's results are than the first's."""
    sides = [[read_result(path) for path in side.split(",")] for side in arguments.compare]
    first, second = sides
    tables = [[result.table for result in side] for side in sides]
    sampling = (arguments.resamples or 1000, arguments.confidence, arguments.seed)
    differences = paired_difference(tables[0], tables[1], *sampling)
    means = [_mean_figures(side) for side in sides]
    classes = first[0].table.classes
    Console().print(comparison_table(differences, means[0], means[1], classes))
    for remark in remarks(differences):
        Console().print(remark)
    if arguments.json:
        plain = {name: _plain_difference(difference) for name, difference in differences.items()}
        write_json(arguments.json, {"first": _plain(means[0]), "second": _plain(means[1]), "difference": plain})
    if arguments.chart:
        from synmix.evaluate.chart import draw_chart

        named = zip(arguments.compare, (first[0], second[0]), strict=True)
        draw_chart(arguments.chart, {side.split(",")[0]: result for side, result in named})
    worse = differences["AP"].high < 0
    if arguments.fail_if_worse and worse:
        print("the second is worse: its interval lies below zero")
        return CHECK_FAILED
    return OK


class _Watch:
    """Who looks at the predictions of each data set: what exports them, and what collects the worst mistakes."""

    def __init__(self, arguments: argparse.Namespace, several: bool, scratch: ExitStack) -> None:
        self._arguments, self._several = arguments, several
        self._export: Path | None = arguments.export
        if arguments.official and self._export is None:
            self._export = Path(scratch.enter_context(tempfile.TemporaryDirectory()))
        self._exporters: dict[str, Exporter] = {}
        self._mistakes: dict[str, Any] = {}

    def __call__(self, dataset: str, classes: Sequence[str]) -> list:
        """The observers of a data set."""
        observers: list = []
        if self._export is not None:
            folder = self._export / dataset if self._several else self._export
            self._exporters[dataset] = Exporter(folder, classes)
            observers.append(self._exporters[dataset])
        if self._arguments.errors:
            from synmix.evaluate.error_pictures import WorstMistakes

            self._mistakes[dataset] = WorstMistakes(classes)
            observers.append(self._mistakes[dataset])
        return observers

    def finish(self) -> None:
        """Zips the exports and draws the mistakes."""
        for exporter in self._exporters.values() if self._arguments.export else ():
            print(f"predictions for the test server: {exporter.zip()}")
        for dataset, mistakes in self._mistakes.items():
            _say_pages(mistakes.write(self._arguments.errors, dataset))

    def official(self) -> dict[str, np.ndarray | None]:
        """What cityscapesScripts finds for the exported predictions."""
        from detectron2.data import DatasetCatalog

        from synmix.evaluate.official import official_average_precision

        found = {}
        for dataset, exporter in self._exporters.items():
            frames = DatasetCatalog.get(dataset)
            if not all(frame.get("instance_map") for frame in frames):
                raise UserError(f"'{dataset}' has no instance maps, so cityscapesScripts cannot score it.")
            texts = [exporter.text_of(frame) for frame in frames]
            maps = [Path(frame["instance_map"]) for frame in frames]
            found[dataset] = official_average_precision(texts, maps, exporter.folder)
        return found


def _report(
    results: Mapping[str, Result], official: Mapping[str, np.ndarray | None] | None, arguments: argparse.Namespace
) -> int:
    """Prints the tables, writes what was asked for, and says whether all checks passed."""
    passed = True
    for dataset, result in results.items():
        theirs = official[dataset] if official else None
        Console(width=120).print(result_table(result, theirs))
        if official:
            passed &= _agrees(result, theirs)
        passed &= _reaches(result, arguments.minimum_ap)
    if arguments.json:
        plain = {dataset: to_json(result) for dataset, result in results.items()}
        write_json(arguments.json, next(iter(plain.values())) if len(plain) == 1 else plain)
    if arguments.chart:
        from synmix.evaluate.chart import draw_chart

        draw_chart(arguments.chart, results)
    return OK if passed else CHECK_FAILED


def _agrees(result: Result, official: np.ndarray | None) -> bool:
    if official is None:
        print("cityscapesScripts crashed (its issue 89: every prediction of a class is ignored); ours counts 0 there")
        return True
    ours = average_precision(result.table)
    same = bool(np.array_equal(np.isnan(ours), np.isnan(official)))
    largest = float(np.nanmax(np.abs(ours - official), initial=0.0)) if same else float("inf")
    print(f"largest difference to cityscapesScripts over all classes and thresholds: {largest:.1e}")
    return largest <= _TOLERANCE


def _reaches(result: Result, minimum: float | None) -> bool:
    if minimum is None or result.figures["AP"] >= minimum:  # nan reaches nothing
        return True
    print(f"AP {result.figures['AP']:.2f} on '{result.dataset}' is below the asked {minimum:.2f}")
    return False


def _draw_errors(files: Sequence[ImageFiles], root: Path, arguments: argparse.Namespace) -> None:
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
        frame = {"file_name": str(file.image(arguments.images)), "instance_map": str(file.instance_map)}
        mistakes(frame, found.masks, found.categories, found.scores, matches)
    _say_pages(mistakes.write(arguments.errors, "predictions"))


def _say_pages(pages: Sequence[Path]) -> None:
    if pages:
        print(f"worst mistakes (green: what is true, red: what was predicted): {', '.join(map(str, pages))}")
    else:
        print("no mistakes drawn: there are none, or the images are not at hand")


def _mean_figures(side: Sequence[Result]) -> dict[str, float]:
    return {name: float(np.mean([result.figures[name] for result in side])) for name in side[0].figures}


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _null(value) for name, value in figures.items()}


def _plain_difference(found: Difference) -> dict[str, Any]:
    numbers = ("value", "low", "high", "rare", "p_value", "image_p_value")
    return {**{key: _null(getattr(found, key)) for key in numbers}, "open": found.open, "why": found.why}


def _null(value: float) -> float | None:
    return None if np.isnan(value) else value

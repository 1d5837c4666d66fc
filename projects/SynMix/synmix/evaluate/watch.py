"""What looks at a checkpoint's predictions while they are scored: exports them, asks the official script, and collects
the worst mistakes. Runs in every process; what it finds is gathered on the main one."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import synmix.before_detectron2  # noqa: F401

import numpy as np
from detectron2.data import DatasetCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm

from synmix.errors import UserError
from synmix.evaluate.cityscapes_format import Exporter
from synmix.evaluate.commands import Wishes, say_pages
from synmix.evaluate.error_pictures import WorstMistakes
from synmix.evaluate.evaluator import CityscapesInstanceEvaluator
from synmix.evaluate.official import official_average_precision


class Watch:
    """Adds observers to evaluators. A context: what it kept for the official script alone is removed at its end.

    Args:
        wishes: ``export``, ``official`` and ``errors`` say what is looked for.
        output_dir: a folder that all processes share; exports for the script alone go below it.
        several: whether there are several data sets, each of which then gets a folder of its own.
    """

    def __init__(self, wishes: Wishes, output_dir: str, several: bool) -> None:
        self._wishes, self._output_dir, self._several = wishes, Path(output_dir), several
        self._exporters: dict[str, Exporter] = {}
        self._mistakes: dict[str, WorstMistakes] = {}
        self._scratch = ExitStack()

    def __enter__(self) -> "Watch":
        self._export = self._wishes.export
        if self._wishes.official and self._export is None:
            self._export = self._shared_scratch()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._scratch.close()

    def _shared_scratch(self) -> Path:
        """A new folder, the same for all processes; the main one removes it."""
        found = ""
        if comm.is_main_process():
            self._output_dir.mkdir(parents=True, exist_ok=True)
            found = tempfile.mkdtemp(prefix="official-", dir=self._output_dir)
            self._scratch.callback(shutil.rmtree, found, ignore_errors=True)
        return Path(comm.all_gather(found)[0])

    def __call__(self, dataset: str, evaluator: DatasetEvaluator) -> None:
        """Adds the observers of a data set.

        Raises:
            UserError: its evaluator scores no masks, or the folder to export to holds something.
        """
        if not isinstance(evaluator, CityscapesInstanceEvaluator):
            asked = [name for name in ("export", "official", "errors") if getattr(self._wishes, name)]
            if asked:
                raise UserError(f"'{dataset}' is not scored by its masks; leave out --{' and --'.join(asked)}.")
            return
        observers: list = []
        if self._export is not None:
            folder = self._export / dataset if self._several else self._export
            self._exporters[dataset] = Exporter(folder, evaluator.classes)
            comm.synchronize()  # no process writes before all have seen that the folder is empty
            observers.append(self._exporters[dataset])
        if self._wishes.errors:
            self._mistakes[dataset] = WorstMistakes(evaluator.classes)
            observers.append(self._mistakes[dataset])
        evaluator.observers = (*evaluator.observers, *observers)

    def finish(self) -> None:
        """Gathers what all processes saw; the main one zips the exports and draws the mistakes."""
        for dataset, mistakes in self._mistakes.items():
            parts: Sequence[WorstMistakes] = comm.gather(mistakes, dst=0)
            if comm.is_main_process() and self._wishes.errors:
                say_pages(WorstMistakes.merged(parts).write(self._wishes.errors, dataset))
        if comm.is_main_process() and self._wishes.export:
            for exporter in self._exporters.values():
                print(f"predictions for the test server: {exporter.zip()}")

    def official(self) -> dict[str, np.ndarray | None]:
        """What cityscapesScripts finds for the exported predictions; {} where it was not asked."""
        found = {}
        for dataset, exporter in self._exporters.items() if self._wishes.official else ():
            frames = DatasetCatalog.get(dataset)
            if not all(frame.get("instance_map") for frame in frames):
                raise UserError(f"'{dataset}' has no instance maps, so cityscapesScripts cannot score it.")
            texts = [exporter.text_of(frame) for frame in frames]
            maps = [Path(frame["instance_map"]) for frame in frames]
            found[dataset] = official_average_precision(texts, maps, exporter.folder, exporter.classes)
        return found

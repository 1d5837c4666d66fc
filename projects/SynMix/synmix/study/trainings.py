"""Trainings that were made one by one (``tools/train_net.py``), as records of a store that they are not in."""

import logging
from collections.abc import Sequence
from pathlib import Path

from synmix.answer.read import Keep
from synmix.answer.table import Table
from synmix.config import load_config
from synmix.errors import UserError
from synmix.evaluate.result import read_any_result
from synmix.files import read_json
from synmix.study.answering import differences, kept_rows, table_of
from synmix.study.runs import Run, settings_of
from synmix.study.store import Record, Status

logger = logging.getLogger(__name__)


def read_trainings(folders: Sequence[str | Path], data_set: str | None = None, keep: Keep = lambda row: True) -> Table:
    """What an answer asks of finished trainings that differ in data, length and seed alone; of others, the most that
    do, and a warning names the rest.

    Args:
        folders: ``OUTPUT_DIR`` of each.
        data_set, keep: see :func:`synmix.study.answering.read_store`.

    Raises:
        UserError: a folder holds no finished training with a result, or they were evaluated on different images.
    """
    records = [record_of(Path(folder)) for folder in folders]
    table = table_of(kept_rows(records, keep), data_set, "the trainings")
    places = {training.place for training in table.trainings}
    taken = [record for record in records if record.run.id in places]
    for record in records:
        if record not in taken:
            keys = min((differences(record.run, other.run) for other in taken), key=len, default=[])
            other = "it has no such result, or its seed is there twice"
            why = f"it differs from the others in {', '.join(keys)}" if keys else other
            logger.warning("left out: '%s': %s", record.folder, why)
    return table


def record_of(folder: Path) -> Record:
    """A finished training by its ``OUTPUT_DIR``.

    Raises:
        UserError: it is none, or has not ended.
    """
    config, results = folder / "config.yaml", sorted(folder.glob("results/*.json"))
    if not (config.is_file() and (folder / "manifest.json").is_file()):
        raise UserError(f"'{folder}' holds no training; name the OUTPUT_DIR of one.")
    if not ((folder / "model_final.pth").is_file() and results):
        raise UserError(
            f"the training in '{folder}' has not ended, or was not evaluated; go on with it by the command that began "
            "it, with --resume."
        )
    cfg = load_config(config)
    seed = cfg.SEED if cfg.SEED >= 0 else read_json(folder / "manifest.json")["seed"]
    facts = {"real": None, "synthetic": None, "iterations": cfg.SOLVER.MAX_ITER}
    run = Run(folder.name, settings_of(cfg), seed, facts=facts)
    found = {path.stem: read_any_result(path) for path in results}
    return Record(run, Status("finished"), folder, found)

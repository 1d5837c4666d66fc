"""Hydra's part of the study: one job is one run, and a sweep ends with a table of what its jobs came to."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.table import Table

from synmix.errors import UserError
from synmix.files import read_json, write_json
from synmix.progress import console
from synmix.study.execute import Outcome, execute_or_wait
from synmix.study.experiments import split_by_share
from synmix.study.index import write_index
from synmix.study.runs import Run, make_run, parse_removal
from synmix.study.scale import Scale, scale_of
from synmix.study.store import Store

#: ``${values:${scale.grid.removal}}`` in configs/sweep: a grid as Hydra's sweeper wants it, "0,10,20".
OmegaConf.register_new_resolver("values", lambda grid: ",".join(map(str, grid)), replace=True)

_ENDS_WELL = ("finished", "skipped")
_SHOWN = 200  # characters of a reason
_STYLES = {"finished": "green", "skipped": "dim", "failed": "red", "busy": "yellow", "stopped": "yellow"}


def run_of(config: DictConfig) -> tuple[Run, Scale]:
    """The run that a sweep's config describes.

    Raises:
        UserError: a value that makes no sense, or a key that is missing.
    """
    try:
        plain: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"the sweep's config is incomplete: {' '.join(str(error).split())}.") from None
    scale = scale_of(plain["scale"])
    overrides = tuple(sorted(_flat(plain["detectron2"]).items()))
    try:
        init = _described(scale, plain["init"], plain["init"], plain["seed"], overrides) if plain["init"] else None
        return _described(scale, plain["compose"], plain["solver"], plain["seed"], overrides, init), scale
    except (TypeError, ValueError) as error:
        raise UserError(f"the sweep's config holds a value of the wrong kind ({error}).") from None


def _described(
    scale: Scale,
    compose: Mapping[str, Any],
    solver: Mapping[str, Any],
    seed: int,
    overrides: tuple[tuple[str, Any], ...],
    init: Run | None = None,
) -> Run:
    share = compose.get("real_share")
    if share is None:
        real, synthetic = compose.get("real_images", 0), compose.get("synthetic_images", 0)
    elif 0 <= share <= 100:
        real, synthetic = split_by_share(compose["total_images"], share)
    else:
        raise UserError(f"compose.real_share is {share}; give 0 to 100, the percentage of real images.")
    schedule = {key: solver.get(key) for key in ("iterations", "epochs", "lr", "momentum")}
    removal = parse_removal(scale, compose.get("removal", "none"))
    return make_run(
        scale, int(real), int(synthetic), removal, seed=int(seed), init=init, overrides=overrides, **schedule
    )


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"SOLVER": {"BASE_LR": 1}}`` -> ``{"SOLVER.BASE_LR": 1}``; lists become text, as Detectron2 reads it."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": _plain(value)}
    return flat


def _plain(value: Any) -> Any:
    return str(tuple(value)) if isinstance(value, list) else value


def job(config: DictConfig) -> str:
    """One Hydra job: brings its run to an end and notes what it came to; never raises for a training that fails, so
    that the others go on."""
    number = HydraConfig.get().job.get("num", 0)
    note = Path(HydraConfig.get().runtime.output_dir) / "outcome.json"
    write_json(note, asdict(Outcome(f"job {number}", "stopped", "it was killed, or is still running")))
    try:
        if config.missing_pretraining not in ("train", "fail"):
            raise UserError(f"missing_pretraining is '{config.missing_pretraining}'; give train or fail.")
        run, scale = run_of(config)
        outcome = execute_or_wait(run, scale, Store(config.store), config.missing_pretraining)
    except UserError as error:
        outcome = Outcome(f"job {number}", "failed", str(error))
    write_json(note, asdict(outcome))
    return outcome.result


@dataclass
class _Sweep:
    """The sweep that this process started."""

    folder: Path
    store: Store
    held: ExitStack


class SweepGuard(Callback):
    """Runs in the process that starts a sweep: one sweep a store at a time, and a closing table.

    Launchers pickle callbacks, so that what is held lies in the class. Hydra turns a callback's errors into warnings,
    but not SystemExit: so a refusal ends the program here.
    """

    _current: ClassVar[_Sweep | None] = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """A single run."""
        self._begin(config, Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """A sweep."""
        self._begin(config, Path(config.hydra.sweep.dir))

    @classmethod
    def _begin(cls, config: DictConfig, folder: Path) -> None:
        held = ExitStack()
        try:
            store = Store(config.store)
            held.enter_context(store.sweep_lock())
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from None
        cls._current = _Sweep(folder, store, held)

    @classmethod
    def close(cls) -> int:
        """Ends the sweep of this process: index and closing table.

        Returns:
            the exit code, 1 where a run failed or did not end, or where Hydra refused the command.
        """
        sweep, cls._current = cls._current, None
        if sweep is None:
            return 1
        outcomes = [Outcome(**read_json(path)) for path in sorted(sweep.folder.rglob("outcome.json"), key=_by_number)]
        write_index(sweep.store)
        sweep.held.close()
        return report_outcomes(outcomes, sweep.store)


def _by_number(path: Path) -> tuple[int, str]:
    name = path.parent.name
    return (int(name) if name.isdigit() else 0, name)


def _short(reason: str) -> str:
    """A reason as the table shows it; the store has all of it. Brackets are Rich's own."""
    return (reason if len(reason) <= _SHOWN else f"{reason[:_SHOWN]} ... (status.json)").replace("[", "\\[")


def report_outcomes(outcomes: Sequence[Outcome], store: Store) -> int:
    """Prints what each run came to.

    Returns:
        the exit code: 0 when all are finished, else 1.
    """
    table = Table(title=f"{len(outcomes)} jobs, store '{store.root}'", title_justify="left")
    for column in ("run", "result", "minutes", "reason"):
        table.add_column(column, overflow="fold", justify="right" if column == "minutes" else "left")
    for outcome in outcomes:
        style = _STYLES.get(outcome.result, "")
        minutes = f"{outcome.seconds / 60:.1f}" if outcome.seconds else ""
        table.add_row(outcome.run, f"[{style}]{outcome.result}[/]", minutes, _short(outcome.reason))
    console.print(table)
    left = sum(outcome.result not in _ENDS_WELL for outcome in outcomes)
    if left:
        console.print(f"{left} of {len(outcomes)} did not end; the same command repeats only these.")
    return 1 if left or not outcomes else 0

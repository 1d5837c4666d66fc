"""Hydra's part of the study: one job is one run, and a sweep ends with a table of what its jobs came to."""

import sys
from collections.abc import Callable, Mapping, Sequence
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
from synmix.study.execute import Options, Outcome, execute_or_wait
from synmix.study.experiments import Experiment
from synmix.study.index import write_index
from synmix.study.listing import planned_minutes
from synmix.study.runs import Run, make_run
from synmix.study.scale import Scale, scale_of
from synmix.study.store import Store

_ENDS_WELL = ("finished", "skipped")
_SHOWN = 200  # characters of a reason
_STYLES = {"finished": "green", "skipped": "dim", "failed": "red", "busy": "yellow", "stopped": "yellow"}


def _scale(node: Any) -> Scale | None:
    return scale_of(OmegaConf.to_container(node, resolve=True)) if node else None


def _experiment(name: str, scale: Scale | None) -> Experiment:
    if scale is None:
        raise UserError(f"the experiment '{name}' needs a scale; give scale=paper or scale=mini.")
    experiment: Experiment = scale.described().STUDY.experiment(name, scale)
    return experiment


def _numbers(name: str, node: Any) -> str:
    """``${runs:removal,${scale}}``: the numbers of an experiment's runs, as Hydra's sweeper wants them, ``0,1,2``."""
    return ",".join(map(str, range(len(_experiment(name, _scale(node)).arms()))))


def _seeds(name: str, node: Any) -> str:
    """``${seeds:removal,${scale}}``: the seeds of an experiment."""
    return ",".join(map(str, _experiment(name, _scale(node)).seeds))


def _minutes(node: Any, experiment: Any, config: Any) -> int:
    """``${minutes:...}``: a job's time limit, from the longest of the experiment's runs, or a day."""
    scale = _scale(node)
    runs = _experiment(experiment, scale).arms() if scale and experiment else []
    if scale and config:
        runs = [make_run(config, scale=scale)]
    return max([planned_minutes(run, scale) for run in runs if scale], default=1440)


def _ranks(processes: Any, node: Any) -> int:
    """``${ranks:${processes},${scale}}``: the ranks, and so the GPUs, of a run."""
    scale = _scale(node)
    return int(processes or (scale.processes if scale else 1))


OmegaConf.register_new_resolver("runs", _numbers, replace=True)
OmegaConf.register_new_resolver("seeds", _seeds, replace=True)
OmegaConf.register_new_resolver("minutes", _minutes, replace=True)
OmegaConf.register_new_resolver("ranks", _ranks, replace=True)


def run_of(config: DictConfig) -> Run:
    """The run that a sweep's config describes: one of an experiment's, or any config's, with keys set by hand.

    Raises:
        UserError: a value that makes no sense, or a key that is missing.
    """
    try:
        plain: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"the sweep's config is incomplete: {' '.join(str(error).split())}.") from None
    scale, changes = scale_of(plain["scale"]) if plain.get("scale") else None, _flat(plain["set"] or {})
    if plain["model"]:
        if not scale:
            raise UserError("model= needs a scale; give scale=paper or scale=mini.")
        scale = scale.with_model(plain["model"])
    name, overrides = plain["config"], {}
    if plain.get("experiment") is not None:
        arms = _experiment(plain["experiment"], scale).arms()
        name, overrides = arms[plain["run"]].config, dict(arms[plain["run"]].overrides)
    if not name:
        raise UserError("a sweep needs config=FILE (under configs/) or +experiment=NAME; see tools/sweep.py --help.")
    seed, processes = plain["seed"], plain["processes"]
    for key, value in (("seed", seed), ("processes", processes)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise UserError(f"{key} is {value!r}; give a whole number.")
    return make_run(name, {**overrides, **changes}, seed, processes, scale, plain["init"])


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"SOLVER": {"BASE_LR": 1}}`` -> ``{"SOLVER.BASE_LR": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def job(config: DictConfig) -> str:
    """One Hydra job: brings its run to an end and notes what it came to; never raises for a training that fails, so
    that the others go on."""
    number = HydraConfig.get().job.get("num", 0)
    note = Path(HydraConfig.get().runtime.output_dir) / "outcome.json"
    write_json(note, asdict(Outcome(f"job {number}", "stopped", "it was killed, or is still running")))
    try:
        if config.missing_pretraining not in ("train", "fail"):
            raise UserError(f"missing_pretraining is '{config.missing_pretraining}'; give train or fail.")
        options = Options(config.missing_pretraining, bool(config.trust_pickle))
        outcome = execute_or_wait(run_of(config), Store(config.store), options)
    except UserError as error:
        outcome = Outcome(f"job {number}", "failed", str(error))
    except KeyboardInterrupt as stop:
        write_json(note, asdict(Outcome(f"job {number}", "stopped", "it was stopped; repeat to resume it")))
        hand_on(stop)
        raise
    write_json(note, asdict(outcome))
    return outcome.result


def hand_on(stop: KeyboardInterrupt) -> None:
    """The state is saved: now the signal goes to whoever waited for it before, as submitit does, which requeues."""
    from synmix.train.signals import hand_on as to_previous_handler

    number = getattr(stop, "signal", None)
    if number is not None:
        to_previous_handler(number)


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
    def close(cls, write: Callable[[Mapping[str, Any]], None] = lambda told: None) -> int:
        """Ends the sweep of this process: index and closing table.

        Args:
            write: is given what the table says: ``store``, ``folder`` and ``runs``.

        Returns:
            the exit code, 1 where a run failed or did not end, 2 where Hydra refused the command.
        """
        sweep, cls._current = cls._current, None
        if sweep is None:
            return 2
        outcomes = [Outcome(**read_json(path)) for path in sorted(sweep.folder.rglob("outcome.json"), key=_by_number)]
        write_index(sweep.store)
        sweep.held.close()
        code = report_outcomes(outcomes, sweep.store)
        write({"store": sweep.store.root, "folder": sweep.folder, "runs": outcomes})
        return code


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

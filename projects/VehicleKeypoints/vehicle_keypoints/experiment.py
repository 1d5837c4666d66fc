"""Seed 000's experiment as runs: its arms, their training in a results store, and the verdict of the kill switch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from synmix.config_files import CONFIGS
from synmix.errors import UserError
from synmix.files import checksum
from synmix.study import gate
from synmix.study.execute import WEIGHTS, Outcome
from synmix.study.runs import Removal, Run
from synmix.study.scale import config_checksum
from synmix.study.store import BusyError, Store
from vehicle_keypoints.result import KeypointResult, paired_difference, read_result

_SCALES = CONFIGS / "sweep/keypoints/scale"
KILL_SWITCH = CONFIGS / "vehicle_keypoints/kill_switch.yaml"
#: The arms in the order in which they are reported.
ARMS = ("identity_flip", "corrected_flip", "synthetic_only", "arm_b", "arm_a")


@dataclass(frozen=True)
class Scale:
    """Data sets and arms at one size (``configs/sweep/keypoints/scale``)."""

    name: str
    real_test: str
    synthetic_test: str
    arms: Mapping[str, Mapping[str, Any]]

    def test_set(self, arm: str) -> str:
        """On what an arm is judged."""
        return self.synthetic_test if arm == "synthetic_only" else self.real_test


@dataclass(frozen=True)
class KeypointRun:
    """One training; what the study's store asks of a run, it has."""

    scale: str
    arm: str
    config: str  # under configs/
    overrides: tuple[tuple[str, Any], ...]  # Detectron2 keys, sorted
    seed: int
    init: "KeypointRun | None" = None
    removal: Removal = ()

    @property
    def id(self) -> str:
        """Readable, with a checksum of all that is trained."""
        started_from = self.init.id if self.init else ""
        digest = checksum([self.scale, self.config, [list(pair) for pair in self.overrides], started_from])[:8]
        return f"{self.arm}_{digest}_seed{self.seed}"


def scale_of(values: Any) -> Scale:
    """The scale that these keys describe.

    Raises:
        UserError: a key is missing or unknown.
    """
    names = {field.name for field in fields(Scale)}
    if set(values) != names:
        odd = sorted(names ^ set(values))[0]
        raise UserError(f"the scale '{values.get('name')}' lacks or should not have the key '{odd}' ({_SCALES}).")
    return Scale(**values)


def load_scale(name: str) -> Scale:
    """The scale of this name.

    Raises:
        UserError: no such scale; the message lists the known ones.
    """
    path = _SCALES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in _SCALES.glob("*.yaml")))
        raise UserError(f"unknown scale '{name}'; known: {known}.")
    return scale_of(OmegaConf.to_container(OmegaConf.load(path)))


def make_run(scale: Scale, arm: str, seed: int) -> KeypointRun:
    """The run of an arm with a seed; what it starts from has the same seed.

    Raises:
        UserError: no such arm; the message lists the known ones.
    """
    if arm not in scale.arms:
        raise UserError(f"unknown arm '{arm}' at scale '{scale.name}'; known: {', '.join(scale.arms)}.")
    described = scale.arms[arm]
    init = make_run(scale, described["init"], seed) if described.get("init") else None
    overrides = tuple(sorted((key, _plain(value)) for key, value in described.get("set", {}).items()))
    return KeypointRun(scale.name, arm, described["config"], overrides, seed, init)


def _plain(value: Any) -> Any:
    return str(tuple(value)) if isinstance(value, list) else value


def execute(run: KeypointRun, store: Store) -> Outcome:
    """Brings a run to its end in the store: skipped when finished, resumed when cut off, a failure recorded.

    Raises:
        UserError: the store is unreadable, or a finished run was edited.
        KeyboardInterrupt, SystemExit: stopped from outside; the run can be resumed.
    """
    as_run = cast(Run, run)  # the store asks for an id, an init and plain fields, which a keypoint run has
    try:
        with store.lock(as_run):
            store.check_config(as_run, config_checksum(run.config))
            if store.status(as_run).state == "finished":
                store.verify(as_run)
                return Outcome(run.id, "skipped", "finished before")
            weights = _weights(run.init, store) if run.init else None
            store.begin(as_run, config_checksum(run.config))
            return _work(run, as_run, store, weights)
    except BusyError as busy:
        return Outcome(run.id, "busy", str(busy))


def _work(run: KeypointRun, as_run: Run, store: Store, weights: Path | None) -> Outcome:
    started = time.time()
    try:
        _train(run, store.folder(as_run), weights)
    except UserError as error:
        reason = str(error)
    except (KeyboardInterrupt, SystemExit):
        store.end(as_run, "broken", "it was stopped", time.time() - started)
        raise
    else:
        store.end(as_run, "finished", "", time.time() - started)
        return Outcome(run.id, "finished", seconds=time.time() - started)
    store.end(as_run, "failed", reason, time.time() - started)
    return Outcome(run.id, "failed", reason, time.time() - started)


def _weights(init: KeypointRun, store: Store) -> Path:
    outcome = execute(init, store)
    if outcome.result not in ("finished", "skipped"):
        raise UserError(f"the run '{init.id}' that others start from is {outcome.result}: {outcome.reason}")
    return store.folder(init.id) / WEIGHTS


def _train(run: KeypointRun, folder: Path, weights: Path | None) -> None:
    from synmix.train.run import train  # torch: five seconds that a skipped run need not wait
    from vehicle_keypoints import evaluator  # noqa: F401  registers what scores keypoints

    train(config_of(run, folder, weights), resume=True)


def config_of(run: KeypointRun, folder: Path, weights: Path | None) -> Any:
    """The Detectron2 config of a run.

    Raises:
        UserError: its config file is missing, or it sets an unknown key.
    """
    from synmix.config import load_config

    cfg = load_config(CONFIGS / run.config, [str(part) for pair in run.overrides for part in pair])
    cfg.SEED = cfg.DATASETS.SEED = run.seed
    cfg.OUTPUT_DIR = str(folder)
    cfg.TEST.EVAL_PERIOD = 0  # the end counts
    if weights:
        cfg.MODEL.WEIGHTS = str(weights)
    return cfg


def results_of(scale: Scale, arm: str, seeds: Sequence[int], store: Store) -> list[KeypointResult]:
    """An arm's finished results on its test set, a seed each; the seeds that are not finished are left out."""
    found = []
    for seed in seeds:
        run = make_run(scale, arm, seed)
        if store.status(run.id).state == "finished":
            store.verify(run.id)
            found.append(read_result(store.folder(run.id) / "results" / f"{scale.test_set(arm)}.json"))
    return found


@dataclass(frozen=True)
class KillSwitch:
    """What was declared before the runs (``kill_switch.yaml``)."""

    control: str
    candidate: str
    figure: str
    min_gain: float
    confidence: float
    resamples: int
    seeds: tuple[int, ...]


def declared(path: Path = KILL_SWITCH) -> KillSwitch:
    """Reads the declaration.

    Raises:
        UserError: missing file or keys.
    """
    if not path.is_file():
        raise UserError(f"'{path}' does not exist; declare the gain that counts before looking at results.")
    values = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(path)))
    try:
        return KillSwitch(**{**values, "seeds": tuple(values["seeds"])})
    except (KeyError, TypeError) as error:
        raise UserError(f"'{path}' does not declare a kill switch ({error}).") from None


@dataclass(frozen=True)
class Verdict:
    """What the paired bootstrap says of a declared gain."""

    answer: str  # 'pass', 'fail' or 'inconclusive'
    difference: float  # candidate - control, percentage points
    low: float
    high: float
    p_value: float

    @property
    def sentence(self) -> str:
        """For people."""
        interval = f"{self.difference:+.1f} pp [{self.low:+.1f}, {self.high:+.1f}]"
        return f"{self.answer.upper()}: {interval}, p = {self.p_value:.3f}"


def judge(switch: KillSwitch, control: Sequence[KeypointResult], candidate: Sequence[KeypointResult]) -> Verdict:
    """The verdict by the gate's rule.

    Raises:
        UserError: seeds are missing on a side.
    """
    for name, side in ((switch.control, control), (switch.candidate, candidate)):
        if len(side) != len(switch.seeds):
            raise UserError(f"'{name}' has {len(side)} finished runs, but {len(switch.seeds)} seeds were declared.")
    gain = paired_difference(control, candidate, switch.resamples, switch.confidence)[switch.figure]
    low, high = gain["low"], gain["high"]
    return Verdict(gate.answer(low, high, switch.min_gain), gain["difference"], low, high, gain["p_value"])

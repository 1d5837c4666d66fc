"""The demo's trainings: a mixture, and its real images alone. All else is equal: seed, first weights, length."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from detectron2.config import CfgNode

from synmix.config import load_config
from synmix.data import sources
from synmix.errors import UserError
from synmix.evaluate.result import Result, read_result, result_path
from synmix.files import read_json
from synmix.train.checkpoint import FINAL

#: Both sides of the comparison, and their folders.
CONTROL, MIXTURE = "real only", "real + synthetic"
_FOLDERS = {CONTROL: "real_only", MIXTURE: "real_and_synthetic"}


@dataclass(frozen=True)
class Arm:
    """One training."""

    side: str  # CONTROL or MIXTURE
    seed: int
    config: Path  # of the mixture
    output: Path

    @cached_property
    def cfg(self) -> CfgNode:
        """Its config; not to be changed.

        Raises:
            UserError: the mixture's config cannot be compared with real images alone at equal iterations.
        """
        cfg = load_config(self.config, ["OUTPUT_DIR", str(self.output), "SEED", str(self.seed)])
        data = cfg.DATASETS
        real = [place for place, name in enumerate(data.TRAIN) if domain(name) == "real"]
        if not 0 < len(real) < len(data.TRAIN) or cfg.SOLVER.EPOCHS is not None or data.TOTAL_IMAGES:
            raise UserError(
                f"'{self.config}' is no mixture to compare with its real images alone: let DATASETS.TRAIN name real "
                "and synthetic sets, and set SOLVER.MAX_ITER, without SOLVER.EPOCHS and DATASETS.TOTAL_IMAGES."
            )
        if self.side == CONTROL:
            for key in ("TRAIN", "IMAGES", "REPEAT"):
                data[key] = tuple(data[key][place] for place in real) if data[key] else data[key]
        return cfg

    @property
    def weights(self) -> Path:
        """What its training ends with."""
        return self.output / f"{FINAL}.pth"

    @property
    def is_finished(self) -> bool:
        """Whether it is trained, and evaluated on all of ``DATASETS.TEST``."""
        paths = (result_path(self.output, name) for name in self.cfg.DATASETS.TEST)
        return self.weights.is_file() and all(path.is_file() for path in paths)

    def result(self, data_set: str) -> Result:
        """What it reached."""
        return read_result(result_path(self.output, data_set))

    def images(self, of_domain: str) -> int:
        """How many images of a domain an epoch of it has; it must be trained."""
        parts = read_json(self.output / "manifest.json")["data_sets"]
        return sum(part["images"] * part["repeat"] for part in parts if part["domain"] == of_domain)


@dataclass(frozen=True)
class Demo:
    """Where the demo reads and writes, and how many pairs of trainings it compares."""

    config: Path
    output: Path
    seeds: int = 1

    @property
    def miniature(self) -> Path:
        """The folder of the drawn data sets."""
        return sources.datasets_root() / "mini"

    def pair(self, seed: int) -> list[Arm]:
        """The control and the mixture of a seed."""
        return [Arm(side, seed, self.config, self.output / folder / f"seed{seed}") for side, folder in _FOLDERS.items()]

    @property
    def sides(self) -> dict[str, list[Arm]]:
        """The trainings of each side, by seed."""
        pairs = [self.pair(seed) for seed in range(self.seeds)]
        return {side: [pair[place] for pair in pairs] for place, side in enumerate(_FOLDERS)}


def domain(data_set: str) -> str:
    """``real`` or ``synthetic``."""
    return sources.source(data_set).domain

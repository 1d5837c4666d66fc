"""Trains a run, or a sweep of them, with Hydra.

uv run tools/sweep.py -m config=mixture.yaml '+set.SOLVER.BASE_LR=0.005,0.01'  # any key of any config
uv run tools/sweep.py -m config=mini.yaml '+set.SOLVER.MAX_ITER=20,40' seed=0,1 processes=2
uv run tools/sweep.py -m +experiment=ratio scale=mini  # a figure of the paper, in miniature
uv run tools/sweep.py --help  # all keys
"""

import os
import sys

import hydra
from omegaconf import DictConfig

from synmix.cli.parser import COMPLETING
from synmix.config import CONFIGS
from synmix.errors import DEBUG
from synmix.study.sweep import SweepGuard, job

_DEBUG = DEBUG or os.environ.get("HYDRA_FULL_ERROR") == "1"


@hydra.main(version_base="1.3", config_path=str(CONFIGS / "sweep"), config_name="sweep")
def sweep(config: DictConfig) -> str:
    """One Hydra job is one run."""
    return job(config)


def main() -> int:
    """Runs Hydra and closes the sweep, whatever a launcher raised meanwhile (a killed SLURM job, a dead worker)."""
    if COMPLETING in os.environ:  # Hydra has completions of its own: --hydra-help
        return 0
    try:
        sweep()
    except Exception as error:
        if _DEBUG:
            raise
        print(f"error: {' '.join(str(error).split())[:400]}", file=sys.stderr)
    except SystemExit as refused:  # Hydra's own: 1, also for an override that is mistyped
        return SweepGuard.close() if refused.code == 1 else int(refused.code or 0)
    except BaseException:
        SweepGuard.close()
        raise
    return SweepGuard.close()

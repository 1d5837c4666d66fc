"""Trains a run, or a sweep of them, with Hydra.

uv run tools/sweep.py -m config=mixture.yaml '+set.SOLVER.BASE_LR=0.005,0.01'  # any key of any config
uv run tools/sweep.py -m config=mini.yaml '+set.SOLVER.MAX_ITER=20,40' seed=0,1 processes=2
uv run tools/sweep.py -m +experiment=ratio scale=mini  # a figure of the paper, in miniature
uv run tools/sweep.py --help  # all keys
"""

import argparse
import os
import sys
from functools import partial

import hydra
from omegaconf import DictConfig

from synmix.cli.parser import COMPLETING, argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.sweep_keys import complete
from synmix.config import CONFIGS
from synmix.errors import DEBUG
from synmix.study.sweep import SweepGuard, job

_DEBUG = DEBUG or os.environ.get("HYDRA_FULL_ERROR") == "1"


@hydra.main(version_base="1.3", config_path=str(CONFIGS / "sweep"), config_name="sweep")
def sweep(config: DictConfig) -> str:
    """One Hydra job is one run."""
    return job(config)


def _own_words() -> argparse.Namespace:
    """Takes ``--json FILE`` out of this process's arguments, whose others are Hydra's; or answers a shell that asks for
    completions, and ends."""
    parser = argument_parser(__doc__, add_help=False, allow_abbrev=False)
    add_json(parser)
    if COMPLETING in os.environ:
        parser.add_argument("-m", "--multirun", action="store_true")
        parser.add_argument("keys", nargs="*").completer = complete  # type: ignore[attr-defined]
    own, sys.argv[1:] = parser.parse_known_args()
    return own


def main() -> int:
    """Runs Hydra and closes the sweep, whatever a launcher raised meanwhile (a killed SLURM job, a dead worker)."""
    close = partial(SweepGuard.close, partial(write_result_json, _own_words().json))
    try:
        sweep()
    except Exception as error:
        if _DEBUG:
            raise
        print(f"error: {' '.join(str(error).split())[:400]}", file=sys.stderr)
    except SystemExit as refused:  # Hydra's own: 1, also for an override that is mistyped
        return close() if refused.code == 1 else int(refused.code or 0)
    except BaseException:
        close()
        raise
    return close()

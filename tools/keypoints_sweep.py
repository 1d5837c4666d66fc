#!/usr/bin/env python
"""Trains a run of the vehicle-keypoint experiment, or a sweep of them, with Hydra.

python tools/keypoints_sweep.py -m +experiment=kill_switch scale=mini
python tools/keypoints_sweep.py -m arm=identity_flip,corrected_flip seed=0,1,2 scale=paper
"""

import hydra
from omegaconf import DictConfig, OmegaConf

from synmix.config_files import CONFIGS
from synmix.errors import UserError, run_tool
from synmix.progress import console
from synmix.study.store import Store
from vehicle_keypoints.experiment import execute, make_run, scale_of

_OUTCOMES: list[str] = []


@hydra.main(version_base="1.3", config_path=str(CONFIGS / "sweep/keypoints"), config_name="keypoints")
def sweep(config: DictConfig) -> str:
    """One Hydra job is one run; a failure is recorded and the others go on."""
    try:
        run = make_run(scale_of(OmegaConf.to_container(config.scale, resolve=True)), config.arm, config.seed)
        outcome = execute(run, Store(config.store))
        result, line = outcome.result, f"{outcome.run}: {outcome.result} {outcome.reason}"
    except UserError as error:
        result, line = "failed", f"{config.arm}, seed {config.seed}: failed, {error}"
    _OUTCOMES.append(result)
    console.print(line)
    return result


def main() -> int:
    """Runs Hydra; 1 where a run of this process failed."""
    sweep()
    return int(any(result not in ("finished", "skipped") for result in _OUTCOMES))


if __name__ == "__main__":
    run_tool(main)

"""Every command of README, docs and help texts runs as typed, on a tiny miniature that stands for the real data.

A command that is new here runs by itself where the substitutions below make it small; one that cannot is listed with
the reason, or fails the test.
"""

import multiprocessing
import os
import re
import time
from pathlib import Path

import pytest
import yaml
from tests.documented import ROOT, commands, run

from miniature.vehicles.write import Miniature
from miniature.vehicles.write import write_miniature as write_vehicles
from synmix.config_files import CONFIGS

#: What stands for what is real or takes long, in this order.
SUBSTITUTIONS = (
    (r"(carfusion_14pt.yaml .*) model.pth", r"\1 model_keypoints.pth"),
    (r"configs/vehicle_keypoints/(?!kill_switch)\w+\.yaml", "tiny_keypoints.yaml"),
    (r"configs/(models/)?\w+\.yaml", "tiny.yaml"),
    (r"(config=)\w+\.yaml(?!.*scale=)", r"\1tiny.yaml"),
    (r"--num-gpus \d", "--num-gpus 1"),
    (r"ACCUMULATE 4", "ACCUMULATE 2"),
    (r"--jobs 2", "--jobs 1"),
    (r"processes=2", "processes=1"),
    (r"--seeds (0 1 2|3 4)", "--seeds 0"),
    (r"seed=0,1(,2)?", "seed=0"),
    (r"--until decided.*", "--until decided --looks 1"),
    (r"MAX_ITER=(20,40|600|800)", "MAX_ITER=1"),
    (r"run --scale keypoints(_mini)?", "run flip --scale tiny_keypoints_scale.yaml"),
    (r"run --scale mini", "run domain_gap --scale mini"),
    (r"--scale keypoints_mini", "--scale tiny_keypoints_scale.yaml"),
    (r"(study\.py (list|run)[a-z_ ]*|report\.py)$", r"\1 --scale mini"),
    (r"runs/paper", "runs/tiny --scale tiny_scale.yaml"),
    (r"runs/mini", "runs/tiny"),
    (r"--runs output/\S+ output/\S+", "--runs runs/tiny/runs/mixture_* runs/tiny/runs/cityscapes_*"),
    (r"--scale mini", "--scale tiny_scale.yaml"),
    (r"\+experiment=ratio$|\+experiment=removal$", r"\g<0> scale=mini"),
    (r"scale=mini", "scale=tiny hydra.searchpath=[file://$PWD/searched]"),
    (r"^(uv run datasets/make_mini.py) --real.*", r"\1"),
    (r"--output /tmp/large --height 512 --width 1024", "--output drawn"),
    (r"^uv run datasets/make_mini.py(?! --vehicles)", r"\g<0> --height 64 --width 128 --real-train 4 --real-val 2"
     r" --real-test 1 --synthetic-images 8"),
    (r"(make_mini.py --vehicles)", r"\1 --output drawn_vehicles --num-workers 1"),
    (r"--frame synscapes_000000_000042", ""),
    (r"uv run tools/demo.py", "uv run tools/demo.py --config-file tiny.yaml"),
    (r"CONTROL MIXED", "cityscapes synscapes_3k"),
    (r"--coco FILE --images DIR", "--coco carfusion.json --images datasets/carfusion/train"),
    (r"--yolo DIR", "--yolo yolo"),
)  # fmt: skip

#: What cannot run here, and why.
CANNOT = {
    r"^export ": "it is the reader's shell",
    r"^(uv )?pip install": "installing is what .ci/run does",
    r"^git clone": "needs the network",
    r"^uv run pytest": "this is it",
    r"^(uv run )?(docs/slurm/one_node|srun)|launcher=slurm": "needs SLURM: tests/synmix/study/test_slurm.py",
    r"^uv run torchrun": "starts ranks by torchrun: tests/synmix/train/test_processes.py",
    r"--upload": "needs a token and the network: tests/synmix/export/test_share.py",
    r"benchmarks/": "measures for minutes, with the machine to itself",
}
#: Exit codes that a command is documented to end with, beside 0.
CODES = {"identity_flip": (1,), "tools/gate.py": (1, 3, 4, 5), "tools/audit_keypoints.py": (1,)}
SECONDS = 600  # for one command, on a machine that is busy

pytestmark = pytest.mark.long


def substituted(command: str, folder: Path) -> str:
    for pattern, instead in SUBSTITUTIONS:
        command = re.sub(pattern, instead, command)
    return command.replace("$PWD", str(folder))


def reason(command: str) -> str | None:
    """Why a command is not run here; None where it is."""
    return next((why for pattern, why in CANNOT.items() if re.search(pattern, command)), None)


def tiny_config(base: str, data: str, **keys) -> str:
    train, test = {"tiny": (["mini_cityscapes_instance_train", "mini_synscapes_instance_train"],
                            ["mini_cityscapes_instance_val", "mini_synscapes_instance_val"]),
                   "keypoints": (["mini_carfusion_14pt_train"], ["mini_carfusion_14pt_test"])}[data]  # fmt: skip
    return yaml.safe_dump({
        "_BASE_": str(CONFIGS / base),
        "SOLVER": {"MAX_ITER": 1, "IMS_PER_BATCH": 2, "STEPS": []},
        "DATASETS": {"TRAIN": train, "TEST": test, **keys},
        "TEST": {"BOOTSTRAP": {"RESAMPLES": 10}},
        "LOG": {"PICTURES": 0},
        "OUTPUT_DIR": "output/tiny",
        "SEED": 0,
    })  # fmt: skip


def tiny_scales() -> dict[str, str]:
    """The miniature's scales, from scratch, an iteration a run."""
    streets = yaml.safe_load((CONFIGS / "sweep/scale/mini.yaml").read_text())
    changes = streets["configs"]
    changes.pop("mini_start.yaml")
    changes["cityscapes.yaml"] |= {
        "MODEL.WEIGHTS": "", "DATASETS.IMAGES": [4], "SOLVER.MAX_ITER": 1, "SOLVER.IMS_PER_BATCH": 2,
        "TEST.BOOTSTRAP.RESAMPLES": 10, "DATASETS.TEST": ["cityscapes_instance_val", "synscapes_instance_val"],
    }  # fmt: skip
    changes["synscapes_3k.yaml"] = {"DATASETS.IMAGES": [4]}
    changes["synscapes_20k.yaml"] = {"DATASETS.IMAGES": [6], "SOLVER.EPOCHS": 0.4}
    changes["mixture.yaml"] = {"DATASETS.IMAGES": [4, 6], "SOLVER.EPOCHS": 0.2}
    changes["ratio.yaml"] = {"DATASETS.TOTAL_IMAGES": 4}
    grid = {"removal": [0, 30, 60], "real_share": [0, 50, 100], "amounts": [0, 4], "epochs": [0.4], "budgets": [1]}
    grid |= {"lr": [0.01], "momentum": [0.0], "repeats": [0], "seeds": [0, 1], "answer_seeds": [0]}
    grid |= {"answer_real": [2, 4], "answer_synthetic": [6], "answer_iterations": [1], "answer_budget": [8]}
    streets |= {"name": "tiny", "grid": grid, "images": 4, "baseline_epochs": 0.4}
    vehicles = yaml.safe_load((CONFIGS / "sweep/scale/keypoints_mini.yaml").read_text())
    for change in vehicles["configs"].values():
        change |= {"SOLVER.MAX_ITER": 1, "SOLVER.STEPS": [], "SOLVER.IMS_PER_BATCH": 2, "TEST.BOOTSTRAP.RESAMPLES": 10}
    vehicles["configs"]["vehicle_keypoints/arm_b_control.yaml"]["DATASETS.IMAGES"] = [10]
    vehicles["configs"]["vehicle_keypoints/arm_a_mixed.yaml"] = {"DATASETS.IMAGES": [10, -1]}
    vehicles |= {"name": "tiny_keypoints", "grid": {"seeds": [0]}}
    return {"tiny_scale": yaml.safe_dump(streets), "tiny_keypoints_scale": yaml.safe_dump(vehicles)}


class Typist:
    """Runs commands in one folder, each in a fork of a process that has imported what all of them need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["synmix.train.run", "synmix.demo", "vehicle_keypoints.gallery", "hydra",
                                             "scipy.stats", "tests.documented"])  # fmt: skip

    def type(self, command: str) -> tuple[int | None, str]:
        """Exit code and what was printed."""
        log = self.folder / "printed.txt"
        process = self.context.Process(target=run, args=(command, self.folder, log))
        process.start()
        process.join(SECONDS)
        if process.is_alive():
            process.terminate()
            process.join(20)
        return process.exitcode, log.read_text(errors="replace") if log.exists() else ""


@pytest.fixture(scope="module")
def typist(tmp_path_factory) -> Typist:
    """A folder with tiny data in every place where the commands look for some."""
    folder = tmp_path_factory.mktemp("typed")
    root, before = folder / "datasets", dict(os.environ)
    os.environ |= {"DETECTRON2_DATASETS": str(root), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    write_vehicles(root / "mini", Miniature(real_per_scene=4, synthetic_per_group=1), num_workers=1)
    for name in ("cityscapes", "Synscapes", "carfusion", "citysample", "kitti"):
        (root / name).symlink_to(root / "mini" / name)
    (folder / "carfusion.json").symlink_to(next((root / "mini/carfusion").rglob("*train*.json")))
    (folder / "yolo").symlink_to(next((root / "mini").rglob("data.yaml")).parent)
    (folder / "configs").symlink_to(CONFIGS)
    (folder / "docs").mkdir()
    (folder / "docs/data").symlink_to(ROOT / "docs/data")
    terms = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/gate.md").read_text(), re.MULTILINE | re.DOTALL)[0]
    (folder / "terms.yaml").write_text(re.sub(r"^(looks|spending):.*\n", "", terms, flags=re.MULTILINE))
    (folder / "tiny.yaml").write_text(tiny_config("mini.yaml", "tiny"))
    (folder / "tiny_keypoints.yaml").write_text(tiny_config("vehicle_keypoints/mini.yaml", "keypoints"))
    for name, text in tiny_scales().items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "searched/scale").mkdir(parents=True)
    (folder / "searched/scale/tiny.yaml").symlink_to(folder / "tiny_scale.yaml")
    typist = Typist(folder)
    (folder / "photographs").symlink_to(root / "mini/cityscapes/leftImg8bit/val")
    for command in (
        "uv run datasets/make_mini.py",
        "uv run datasets/make_mini.py --encodings kitti",
        "uv run datasets/prepare.py kitti",
        "uv run datasets/prepare_synscapes.py",
        "uv run tools/train_net.py --config-file configs/mini.yaml OUTPUT_DIR a",
        "uv run tools/eval_cityscapes.py --config-file configs/mini.yaml --datasets mini_cityscapes_instance_val"
        " --export DIR MODEL.WEIGHTS a/model_final.pth OUTPUT_DIR exported",
        "uv run tools/study.py run removal --scale mini",
        "uv run tools/study.py run answer --scale mini",
        "uv run tools/study.py run seeds --scale mini",
        "uv run tools/study.py run flip --scale keypoints_mini",
    ):
        code, printed = typist.type(substituted(command, folder))
        assert code == 0, f"{command}\n{printed}"
    for link in ("b", "c", "output/mini", "output/mixture", "output/a", "output/b"):
        (folder / link).parent.mkdir(exist_ok=True)
        (folder / link).symlink_to(folder / "a")
    (folder / "model.pth").symlink_to(folder / "a/model_final.pth")
    (folder / "model_keypoints.pth").symlink_to(next((folder / "runs/tiny_keypoints").rglob("model_final.pth")))
    (folder / "output/metrics.json").write_text('{"iteration": 19, "time": 0.4}\n')  # one iteration has no time
    for name in ("NAME", "cityscapes_instance_val", "synscapes_instance_val"):
        source = folder / "a/results/mini_cityscapes_instance_val.json"
        (folder / f"a/results/{name}.json").write_text(source.read_text())
    yield typist
    os.environ.clear()
    os.environ |= before


def test_every_command_runs_as_typed(typist):
    started, wrong, seen = time.monotonic(), [], set()
    for number, (command, where) in enumerate(commands().items()):
        if reason(command):
            continue
        if not command.startswith("uv run "):
            wrong.append(f"{where}: {command}\n    does not begin with 'uv run'")
            continue
        typed = substituted(command, typist.folder)
        if typed in seen:
            continue
        seen.add(typed)
        if "train_net.py" in typed:
            typed += f" OUTPUT_DIR output/{number}"  # a folder is one training
        code, printed = typist.type(typed)
        allowed = {0, *(code for part, codes in CODES.items() if part in command for code in codes)}
        if code not in allowed or "Traceback" in printed:
            wrong.append(f"{where}: {command}\n    as {typed}\n    ended with {code}: {printed[-600:]}")
    assert not wrong, f"after {time.monotonic() - started:.0f} s:\n" + "\n".join(wrong)


def test_programs_of_the_commands_that_are_not_run_exist_and_each_reason_is_needed():
    listed = [command for command in commands() if reason(command)]
    for command in listed:
        for word in re.findall(r"(?:tools|datasets|benchmarks|docs)/\S+\.(?:py|sh)", command):
            assert (ROOT / word).is_file(), command
    unused = [why for pattern, why in CANNOT.items() if not any(re.search(pattern, command) for command in listed)]
    assert not unused

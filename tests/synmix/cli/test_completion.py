"""A shell completes ``synmix`` by argcomplete's protocol: what is typed in COMP_LINE, answers in a file; no torch."""

import json
import os
import subprocess
import sys

#: Each line as it is typed -> some of the answer, in a fork each.
LINES = {
    "synmix pla": {"plan"},
    "synmix ": {"plan", "train", "study", "--debug"},
    "synmix plan --it": {"--iterations"},
    "synmix train --num": {"--num-gpus", "--num-machines"},
    "synmix train --config-file x.yaml DATASETS.REM": {"DATASETS.REMOVAL_BY"},
    "synmix visualize mini_kitti_instance_": {f"mini_kitti_instance_{split}" for split in ("train", "val", "test")},
    "synmix choose-removal match --di": {"--distance"},
    "synmix gate ": {"plan", "declare", "judge", "list"},
    "synmix study list --scale keypoints": {"keypoints", "keypoints_mini"},
    "synmix study run rem": {"removal", "removal_on_off"},
    "synmix study --scale keypoints run fl": {"flip"},
    "synmix prepare kit": {"kitti", "kitti360"},
    "synmix sweep ": {"config=", "scale=", "model=", "+experiment=", "seed=", "store=", "--json", "--multirun"},
    "synmix sweep -m +exp": {"+experiment="},
    "synmix sweep -m +experiment=ratio scale=": {"scale=mini", "scale=paper"},
    "synmix sweep -m scale=mini model=mask_rcnn,poi": {"model=mask_rcnn,pointrend"},
    "synmix sweep +experiment=rem": {"+experiment=removal", "+experiment=removal_on_off"},
    "synmix sweep config=mi": {"config=mini.yaml", "config=mixture.yaml"},
    "synmix sweep +set.SOLVER.BASE": {"+set.SOLVER.BASE_LR="},
}
FORKS = """
import json, os, sys
sys.modules["torch"] = None  # whoever imports it fails
from synmix.cli.main import main
folder, lines = sys.argv[1], json.loads(sys.argv[2])
for number, line in enumerate(lines):
    if not os.fork():
        file = f"{folder}/{number}"
        os.environ |= {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": chr(11), "_ARGCOMPLETE_STDOUT_FILENAME": file,
                       "COMP_LINE": line, "COMP_POINT": str(len(line))}
        sys.argv = ["synmix"]
        main()
    os.wait()
"""


def test_options_commands_and_names_are_completed(tmp_path):
    command = [sys.executable, "-c", FORKS, str(tmp_path), json.dumps(list(LINES))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for number, (line, expected) in enumerate(LINES.items()):
        file = tmp_path / str(number)
        answers = set(file.read_text().split("\v")) if file.exists() else set()
        assert expected <= {answer.strip() for answer in answers}, (line, answers, done.stderr[-2000:])


def test_a_shell_that_breaks_words_at_equals_signs_is_given_what_follows(tmp_path):
    line = "synmix sweep scale=mi"
    command = [sys.executable, "-c", FORKS, str(tmp_path), json.dumps([line])]
    environment = {**os.environ, "_ARGCOMPLETE_COMP_WORDBREAKS": " =:"}
    subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (tmp_path / "0").read_text() == "mini "

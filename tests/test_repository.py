"""Nothing that is committed says on which machine it was made."""

import re
import subprocess

import pytest

from synmix.config_files import CONFIGS

ROOT = CONFIGS.parent
#: Folders of a workplace, and hosts that packages come from.
TELLS = re.compile(r"(?<![\w.])/(work|root|mnt)/\w|pythonhosted\.org|/simple/")


def test_no_host_and_no_path_of_a_machine():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    telling = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if not path.is_file() or path.name == "test_repository.py":
            continue
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            lines = enumerate(data.decode(errors="replace").splitlines(), 1)
            telling += [f"{name}:{number}: {line[:120]}" for number, line in lines if TELLS.search(line)]
    assert not telling

#!/usr/bin/env python3
"""``synmix gate``: its code is ``synmix/cli/gate.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("gate")

#!/usr/bin/env python3
"""``synmix study``: its code is ``synmix/cli/study.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("study")

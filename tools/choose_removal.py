#!/usr/bin/env python3
"""``synmix choose-removal``: its code is ``synmix/cli/choose_removal.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("choose-removal")

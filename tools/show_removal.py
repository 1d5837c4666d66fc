#!/usr/bin/env python3
"""``synmix show-removal``: its code is ``synmix/cli/show_removal.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("show-removal")

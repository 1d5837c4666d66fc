#!/usr/bin/env python3
"""``synmix prepare``: its code is ``synmix/cli/prepare.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("prepare")

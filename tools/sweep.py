#!/usr/bin/env python3
"""``synmix sweep``: its code is ``synmix/cli/sweep.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("sweep")

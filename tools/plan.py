#!/usr/bin/env python3
"""``synmix plan``: its code is ``synmix/cli/plan.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("plan")

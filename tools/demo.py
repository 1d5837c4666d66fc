#!/usr/bin/env python3
"""``synmix demo``: its code is ``synmix/cli/demo.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("demo")

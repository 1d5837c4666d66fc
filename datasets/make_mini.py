#!/usr/bin/env python3
"""``synmix make-mini``: its code is ``synmix/cli/make_mini.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("make-mini")

#!/usr/bin/env python3
"""``synmix compose``: its code is ``synmix/cli/compose.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("compose")

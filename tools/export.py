#!/usr/bin/env python3
"""``synmix export``: its code is ``synmix/cli/export.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("export")

#!/usr/bin/env python3
"""``synmix report``: its code is ``synmix/cli/report.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("report")

#!/usr/bin/env python3
"""``synmix share``: its code is ``synmix/cli/share.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("share")

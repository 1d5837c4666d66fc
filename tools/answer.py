#!/usr/bin/env python3
"""``synmix answer``: its code is ``synmix/cli/answer.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("answer")

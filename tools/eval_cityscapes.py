#!/usr/bin/env python3
"""``synmix evaluate``: its code is ``synmix/cli/eval_cityscapes.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("evaluate")

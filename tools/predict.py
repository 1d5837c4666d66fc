#!/usr/bin/env python3
"""``synmix predict``: its code is ``synmix/cli/predict.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("predict")

#!/usr/bin/env python3
"""``synmix train``: its code is ``synmix/cli/train_net.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("train")

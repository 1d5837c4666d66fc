#!/usr/bin/env python3
"""``synmix prepare-synscapes``: its code is ``synmix/cli/prepare_synscapes.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("prepare-synscapes")

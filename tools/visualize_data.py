#!/usr/bin/env python3
"""``synmix visualize``: its code is ``synmix/cli/visualize_data.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("visualize")

#!/usr/bin/env python3
"""``synmix audit-labels``: its code is ``synmix/cli/audit_labels.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("audit-labels")

#!/usr/bin/env python3
"""``synmix audit-keypoints``: its code is ``synmix/cli/audit_keypoints.py``."""

from synmix.cli.main import run

if __name__ == "__main__":
    run("audit-keypoints")

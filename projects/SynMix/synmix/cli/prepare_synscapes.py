"""Writes a Cityscapes-format copy of Synscapes with harmonised labels (paper 3.2). Can be stopped and called again.

uv run datasets/prepare_synscapes.py
"""

from functools import partial

from synmix.cli import prepare

main = partial(prepare.main, __doc__, "synscapes")

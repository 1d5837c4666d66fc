"""Does synthetic data help, on the drawn miniature: the whole chain once, real images alone beside the mixture."""

import synmix.before_detectron2  # noqa: F401

from synmix.demo.arms import Demo
from synmix.demo.chain import run_demo

__all__ = ["Demo", "run_demo"]

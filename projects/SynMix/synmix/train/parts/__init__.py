"""Parts of models: our own, and Detectron2's with less beside the arithmetic."""

import synmix.before_detectron2  # noqa: F401

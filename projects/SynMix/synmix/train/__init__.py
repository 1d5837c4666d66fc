"""PointRend training on Detectron2 (paper 3.1, 3.3, 4.3)."""

import synmix.before_detectron2  # noqa: F401

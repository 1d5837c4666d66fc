"""A trained network on a person's own photographs: pictures, and a COCO file of what it found."""

import synmix.before_detectron2  # noqa: F401

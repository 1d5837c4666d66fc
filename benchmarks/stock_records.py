"""Labels as Detectron2's own data sets have them, for benchmarks that run its mapper."""

from typing import Any

import numpy as np
import pycocotools.mask as mask_util

from synmix.data.images import read_instance_map


def with_run_lengths(record: dict[str, Any]) -> dict[str, Any]:
    """A Detectron2 dict whose masks are run lengths in its annotations instead of one instance map."""
    ids = read_instance_map(record["instance_map"])
    annotations = [
        a | {"segmentation": mask_util.encode(np.asfortranarray(ids == a["instance_id"]).view(np.uint8))}
        for a in record["annotations"]
    ]
    return {key: value for key, value in record.items() if key != "instance_map"} | {"annotations": annotations}

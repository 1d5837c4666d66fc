"""What both miniatures draw, held against a table of checksums from before they shared their code.

``checksums.json`` has one checksum for each kind of file a miniature consists of: pictures by their pixels, texts by
their bytes. Blurred pixels differ in their last bit between processors (OpenCV has code of its own for AVX-512), and
where this one's filters round otherwise than the table's, labels are compared and pictures are not. Whoever means to
draw other frames raises the miniature's version and writes the table anew:
``python tests/miniature/test_same_bits.py``.
"""

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest

from miniature.streets.write import write_miniature as write_streets
from miniature.vehicles.write import Miniature
from miniature.vehicles.write import write_miniature as write_vehicles

TABLE = Path(__file__).with_name("checksums.json")
STREETS = {
    "as usual, both renderings": {"real": (3, 2, 1), "synthetic": 4, "images": ("rgb", "rgb-2k")},
    "crowded and small": {"seed": 7, "height": 64, "width": 128, "density": 2.0, "real": (3, 1, 0), "synthetic": 3},
    "large and sparse": {
        "seed": 3,
        "height": 256,
        "width": 512,
        "density": 0.5,
        "real": (1, 0, 0),
        "synthetic": 1,
        "images": ("rgb-2k",),
    },
    "as dense as can be, square": {
        "seed": 1,
        "height": 64,
        "width": 64,
        "density": 5,
        "real": (2, 0, 0),
        "synthetic": 2,
    },
    "an empty street": {"seed": 2, "density": 0, "real": (0, 1, 0), "synthetic": 1},
}
VEHICLES = {
    "vehicles as usual": {"real_per_scene": 2, "synthetic_per_group": 2},
    "vehicles at another size": {
        "seed": 5,
        "height": 96,
        "width": 160,
        "real_per_scene": 1,
        "synthetic_per_group": 1,
    },
}


def draw(name: str, root: Path) -> None:
    if name in STREETS:
        write_streets(root, **STREETS[name], num_workers=1)
    else:
        write_vehicles(root, Miniature(**VEHICLES[name]), num_workers=1)


def checksums(root: Path) -> dict[str, str]:
    """A checksum for each folder, of its files' names and contents in the names' order."""
    found: dict[str, hashlib._Hash] = defaultdict(hashlib.sha256)
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.parent != root):
        kind = path.name.rsplit("_", 1)[-1] if "gtFine" in path.name else path.suffix
        digest = found[f"{path.parent.relative_to(root)} {kind}"]
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.suffix in (".png", ".jpg") else None
        digest.update(path.name.encode())
        digest.update(
            path.read_bytes() if image is None else repr((image.shape, image.dtype)).encode() + image.tobytes()
        )
    return {name: digest.hexdigest()[:16] for name, digest in sorted(found.items())}


def filters() -> str:
    """A checksum of what this processor's filters make of noise."""
    noise = np.random.default_rng(0).random((64, 96, 3), dtype=np.float32) * 255
    blurred = [cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (0.44, 0.55, 0.8, 1.0)]
    larger = cv2.resize(noise, (200, 100), interpolation=cv2.INTER_CUBIC)
    return hashlib.sha256(b"".join(array.tobytes() for array in (*blurred, larger))).hexdigest()[:16]


def is_label(kind: str) -> bool:
    return kind.split()[-1] not in (".png", ".jpg") or "img/class" in kind or "img/instance" in kind


@pytest.mark.parametrize("name", [*STREETS, *VEHICLES])
def test_the_same_frames_and_labels_as_ever(name, tmp_path):
    draw(name, tmp_path)
    table, ours = json.loads(TABLE.read_text()), checksums(tmp_path)
    assert ours.keys() == table[name].keys()
    compared = [kind for kind in ours if is_label(kind) or filters() == table["filters"]]
    assert {kind: ours[kind] for kind in compared} == {kind: table[name][kind] for kind in compared}


if __name__ == "__main__":
    table: dict[str, str | dict[str, str]] = {"filters": filters()}
    for name in (*STREETS, *VEHICLES):
        with TemporaryDirectory() as folder:
            draw(name, Path(folder))
            table[name] = checksums(Path(folder))
    TABLE.write_text(json.dumps(table, indent=1) + "\n")

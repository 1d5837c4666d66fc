"""The miniature's substitute for ImageNet: weights that know streets, but neither of the two looks.

The paper starts every run from ImageNet's weights. The miniature's network has none, and from scratch a run of minutes
learns too little to compare anything. So one run sees other scenes (another seed) in a third look, gray with random
contrast, blur and noise, and all runs of a seed begin with what it learned.
"""

import fcntl
import shutil

import cv2
import numpy as np

from miniature.streets.write import write_miniature
from synmix.data.images import read_rgb
from synmix.data.sources import datasets_root
from synmix.progress import track

_FOLDER, _SEED = "mini_start", 1000
START_SET = "mini_start_instance_train"


def draw_start(images: int) -> None:
    """Draws the frames under ``$DETECTRON2_DATASETS/mini_start`` unless they are there: whole or not at all, and once,
    however many ask for them."""
    folder = datasets_root() / _FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "gray.txt").exists():
            return
        scratch = folder.with_suffix(".partial")
        for broken in (scratch, folder):
            shutil.rmtree(broken, ignore_errors=True)
        write_miniature(scratch, seed=_SEED, real=(images, 1, 1), synthetic=1, num_workers=1)
        paths = sorted(scratch.glob("cityscapes/leftImg8bit/train/*/*.png"))
        for number, path in track(enumerate(paths), "gray frames", len(paths)):
            encoded = cv2.imencode(".png", gray_look(read_rgb(path)[:, :, ::-1], number))[1]
            path.write_bytes(encoded.tobytes())  # imwrite would keep silent on a full disk
        (scratch / "gray.txt").write_text(f"{len(paths)} frames in a third look\n")
        scratch.rename(folder)


def gray_look(image: np.ndarray, number: int) -> np.ndarray:
    """A frame without colour, in contrast, brightness, sharpness and noise that depend on its number alone.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        (H, W, 3) uint8, three equal channels.
    """
    generator = np.random.default_rng([_SEED, number])
    weights = generator.dirichlet(np.full(3, 3.0))  # which colours look bright
    gray = image.astype(np.float64) @ weights
    gray = (gray - gray.mean()) * generator.uniform(0.6, 1.5) + generator.uniform(80, 170)
    gray = cv2.GaussianBlur(gray, (0, 0), generator.uniform(0.2, 0.7))
    gray += generator.normal(0, generator.uniform(0, 8), gray.shape)
    return np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)

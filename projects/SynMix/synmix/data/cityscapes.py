"""The Cityscapes layout on disk: ``leftImg8bit/{split}/{city}/`` and ``gtFine/{split}/{city}/``."""

import os
from dataclasses import dataclass
from pathlib import Path

from synmix.errors import UserError
from synmix.files import is_file, why_absent

SPLITS = ("train", "val", "test")
IMAGE_SUFFIX = "_leftImg8bit.png"
INSTANCE_SUFFIX = "_gtFine_instanceIds.png"
LABEL_SUFFIX = "_gtFine_labelIds.png"


@dataclass(frozen=True, order=True)
class Frame:
    """One labelled image: its name (``aachen_000000_000019``) and its files, whether they exist or not.

    Files are kept as text: the paths of 25,000 frames take as long to build as all that is done with them.
    """

    name: str
    image_stem: str
    label_stem: str

    @property
    def image(self) -> Path:
        """The image."""
        return Path(self.image_stem + IMAGE_SUFFIX)

    @property
    def instance_map(self) -> Path:
        """The instance of each pixel."""
        return Path(self.label_stem + INSTANCE_SUFFIX)

    @property
    def label_map(self) -> Path:
        """The class of each pixel."""
        return Path(self.label_stem + LABEL_SUFFIX)


def frame_paths(root: Path, split: str, name: str) -> Frame:
    """Where the files of a frame lie; the city is the name up to its first underscore."""
    below = f"{split}/{name.split('_', 1)[0]}/{name}"
    return Frame(name, f"{root}/leftImg8bit/{below}", f"{root}/gtFine/{below}")


def list_frames(root: Path, split: str, remedy: str = "") -> list[Frame]:
    """All frames of a split, sorted by name.

    Args:
        root: the folder that holds ``leftImg8bit`` and ``gtFine``.
        remedy: a sentence on how to get this data set, added to the message where it is absent.

    Raises:
        UserError: the split's folder is missing or empty, images are links to nothing, or frames have no labels.
    """
    folder = root / "leftImg8bit" / split
    if not folder.is_dir():
        raise UserError(f"expected the images in '{folder}', but there is no such folder. {remedy}".strip())
    cities = [city for city in folder.iterdir() if city.is_dir()]
    files = (file for city in cities for file in os.listdir(city))  # noqa: PTH208
    names = sorted(file.removesuffix(IMAGE_SUFFIX) for file in files if file.endswith(IMAGE_SUFFIX))
    if not names:
        raise UserError(f"'{folder}' holds no '<city>/*{IMAGE_SUFFIX}' image. {remedy}".strip())
    frames = [frame_paths(root, split, name) for name in names]
    lost = [frame.image for frame in frames if not is_file(frame.image_stem + IMAGE_SUFFIX)]
    if lost:
        raise UserError(
            f"{len(lost)} of {len(frames)} images in '{folder}' cannot be opened; the first, '{lost[0]}', "
            f"{why_absent(lost[0])} (for Synscapes: datasets/prepare_synscapes.py makes its links again)."
        )
    bare = [frame for frame in frames if not is_file(frame.label_stem + INSTANCE_SUFFIX)]
    if bare:
        raise UserError(
            f"{len(bare)} of {len(frames)} frames have no labels, the first is '{bare[0].name}': expected "
            f"'{bare[0].instance_map}'; unpack gtFine beside leftImg8bit, or remove the image."
        )
    return frames

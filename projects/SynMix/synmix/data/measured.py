"""What a description leaves open, measured on the folder at hand and said in a sentence.

Of some data sets nobody has written down how a map numbers its instances. The description then lists the codings that
are possible, and the frames decide: in the right one nearly every id lies within one class of the class map.
"""

from collections.abc import Sequence

import numpy as np

from synmix.data.description import Description, MapFile
from synmix.data.label_maps import Coding
from synmix.data.listing import Frame
from synmix.data.run_lengths import runs_of
from synmix.errors import UserError
from synmix.labels import INSTANCE_LABELS

#: Frames looked at, and the share of pixels that must agree with the class map.
FRAMES, AGREEMENT = 12, 0.97


def settle(description: Description, frames: Sequence[Frame]) -> tuple[Description, list[str]]:
    """The description without open points, and a sentence for each that was measured.

    Args:
        frames: whole frames of the folder.

    Raises:
        UserError: no coding fits these frames.
    """
    notes = []
    for each in description.maps if frames else ():
        if len(each.codings) > 1:
            coding, note = _measure(description, each, frames)
            description = description.settled(each.part, coding)
            notes.append(note)
    return description, notes


def _measure(description: Description, open_map: MapFile, frames: Sequence[Frame]) -> tuple[Coding, str]:
    chosen = [frames[place] for place in np.unique(np.linspace(0, len(frames) - 1, FRAMES).astype(int)) if frames]
    found = []
    for coding in open_map.codings:
        tried = (_agreement(description, open_map, coding, frame) for frame in chosen)
        shares = [each for each in tried if each is not None]
        if shares:
            found.append((float(np.mean([share for share, _ in shares])), sum(ids for _, ids in shares), coding))
    what = f"the {open_map.part} of '{description.name}' ('{open_map.pattern.text}')"
    fitting = [each for each in found if each[0] >= AGREEMENT and each[1] > 0]
    if not fitting:
        best = f"; the best, {found[0][2].words()}, does for {max(found)[0]:.1%} of the pixels" if found else ""
        raise UserError(
            f"{what} is in none of the codings that its description lists{best}; look at the maps and write the right "
            "one there."
        )
    agreed, ids, coding = max(fitting, key=lambda each: (each[1], each[0]))
    return coding, (
        f"{what} is read as {coding.words()}: {agreed:.1%} of the pixels of {ids:,} ids in {len(chosen)} frames lie in "
        "one class each"
    )


def _agreement(description: Description, open_map: MapFile, coding: Coding, frame: Frame) -> tuple[float, int] | None:
    """The share of instances' pixels that lie in the most frequent class of their id, and the ids that lie in classes
    with instances; None where the map cannot be read so."""
    other = next(each for each in description.maps if each.codings[0].class_of)
    try:
        pixels, classes = coding.read(frame.files[open_map.part]), other.codings[0].read(frame.files[other.part])
    except UserError:
        return None
    assert coding.id_of and other.codings[0].class_of
    labels = description.classes.labels_of(other.codings[0].class_of(classes))
    ids = coding.id_of(pixels)
    if ids.shape != labels.shape:
        return None
    runs = runs_of((ids.astype(np.uint64) << np.uint64(8)) | labels)
    pairs, index = np.unique(runs.values, return_inverse=True)
    counts = np.bincount(index, weights=runs.lengths)
    shown = (pairs >> np.uint64(8)) >= coding.first_id
    things = shown & np.isin(pairs & np.uint64(255), list(INSTANCE_LABELS))
    largest: dict[int, float] = {}
    for pair, count in zip((pairs[shown] >> np.uint64(8)).tolist(), counts[shown].tolist(), strict=True):
        largest[pair] = max(largest.get(pair, 0), count)
    whole = counts[shown].sum()
    return (sum(largest.values()) / whole if whole else 0.0), len(np.unique(pairs[things] >> np.uint64(8)))

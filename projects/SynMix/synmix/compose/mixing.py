"""The choice of images (paper 4.2): counts per data set, seeded, nested and equal on every machine.

The frames of a data set are put in the order of sha256(seed, data set, frame) and the first n are taken. A larger
choice therefore contains a smaller one, and neither the order of files nor another data set nor a library's random
generator has a say in it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from synmix.errors import UserError

ALL = -1


@dataclass(frozen=True)
class Pool:
    """The frames that one data set offers."""

    name: str
    synthetic: bool
    frames: Sequence[str]


def percentage_of(percent: float, count: int) -> int:
    """``percent`` % of ``count``, rounded half to even, exact in the decimal that the user wrote: 30 % of 5 is 2."""
    return round(Fraction(str(percent)) * count / 100)


def shuffled(seed: int, data_set: str, frames: Sequence[str]) -> list[str]:
    """The frames in the order in which they are chosen."""
    return [frame for _, frame in sorted(_keyed(seed, data_set, frames))]


def choose_counts(pools: Sequence[Pool], counts: Sequence[int], seed: int) -> dict[str, list[str]]:
    """So many frames of each data set (``ALL``: all), in order of choice.

    Raises:
        UserError: more frames are asked for than there are.
    """
    for pool, count in zip(pools, counts, strict=True):
        if count > len(pool.frames):
            raise UserError(
                f"DATASETS.IMAGES asks for {count} images of '{pool.name}', which has {len(pool.frames)}; ask for at "
                f"most that (-1 takes all), or see them more often with DATASETS.REPEAT."
            )
    return {
        pool.name: shuffled(seed, pool.name, pool.frames)[: len(pool.frames) if count == ALL else count]
        for pool, count in zip(pools, counts, strict=True)
    }


def choose_share(pools: Sequence[Pool], total: int, real_share: float | None, seed: int) -> dict[str, list[str]]:
    """So many frames in all, of which a percentage is real; None takes every real frame first.

    Data sets of one domain are one pool: their frames are chosen in the order of their hashes.

    Raises:
        UserError: a domain has fewer frames than its share.
    """
    available = {synthetic: sum(len(p.frames) for p in pools if p.synthetic == synthetic) for synthetic in (0, 1)}
    real = min(total, available[False]) if real_share is None else percentage_of(real_share, total)
    wanted = {False: real, True: total - real}
    for synthetic, count in wanted.items():
        if count > available[synthetic]:
            raise UserError(
                f"DATASETS.TOTAL_IMAGES {total} with REAL_SHARE {_shown(real_share)} needs {count} "
                f"{('real', 'synthetic')[synthetic]} images, but DATASETS.TRAIN offers {available[synthetic]}; "
                "lower the total, change the share, or name another data set."
            )
    chosen: dict[str, list[str]] = {}
    for synthetic, count in wanted.items():
        chosen.update(_first([pool for pool in pools if pool.synthetic == synthetic], count, seed))
    return {pool.name: chosen[pool.name] for pool in pools}


def _first(pools: Sequence[Pool], count: int, seed: int) -> Mapping[str, list[str]]:
    keyed = sorted((key, pool.name, frame) for pool in pools for key, frame in _keyed(seed, pool.name, pool.frames))
    chosen: dict[str, list[str]] = {pool.name: [] for pool in pools}
    for _, name, frame in keyed[:count]:
        chosen[name].append(frame)
    return chosen


def _keyed(seed: int, data_set: str, frames: Sequence[str]) -> list[tuple[bytes, str]]:
    prefix = hashlib.sha256(f"{seed}\n{data_set}\n".encode())
    keyed = []
    for frame in frames:
        digest = prefix.copy()
        digest.update(frame.encode())
        keyed.append((digest.digest(), frame))
    return keyed


def _shown(real_share: float | None) -> str:
    return "unset (real images first)" if real_share is None else f"{real_share:g}"

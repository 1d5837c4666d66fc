"""Classes that a data set does not label: its objects of them look like background, so that a network unlearns them."""

from collections.abc import Sequence

from synmix.data.sources import DataSource


def labelled_elsewhere(members: Sequence[DataSource]) -> dict[str, tuple[str, ...]]:
    """Data set -> the classes that it does not label and another one of these does: what it makes a network unlearn."""
    labelled = set().union(*(_labelled(member) for member in members))
    found = {member.name: tuple(name for name in member.missing if name in labelled) for member in members}
    return {name: classes for name, classes in found.items() if classes}


def nowhere(members: Sequence[DataSource]) -> list[str]:
    """The classes that none of these data sets labels, in the order of classes."""
    classes = dict.fromkeys(name for member in members for name in member.classes)
    return [name for name in classes if all(name in member.missing for member in members)]


def warnings(members: Sequence[DataSource], ignored: bool) -> list[str]:
    """What a person should know of it before training, a sentence each.

    Args:
        ignored: ``DATASETS.MISSING_CLASSES`` is ``ignore``.
    """
    fate = (
        "are left out of the classification loss of its images (DATASETS.MISSING_CLASSES ignore)"
        if ignored
        else "are background to the network there, which unlearns them; DATASETS.MISSING_CLASSES ignore leaves them "
        "out of the classification loss of its images"
    )
    sentences = [f"'{name}' does not label {_and(classes)}: they {fate}."
                 for name, classes in labelled_elsewhere(members).items()]  # fmt: skip
    lost = nowhere(members)
    if lost:
        sentences.append(f"no data set of DATASETS.TRAIN labels {_and(lost)}, so that this cannot be learnt.")
    return sentences


def _labelled(member: DataSource) -> set[str]:
    return set(member.classes) - set(member.missing)


def _and(classes: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in classes]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"

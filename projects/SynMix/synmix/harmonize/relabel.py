"""The relabelling of one frame from its set's conventions to Cityscapes' (paper 3.2), by the rules of :mod:`.rules`.

All work is on runs of equal (instance id, class) pairs: a frame has some thousand of them, and some hundred pairs.

Shape legend: H, W are the maps' height and width, R the runs of a frame, P its distinct pairs, T its targets.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.data.run_lengths import Runs, regions_of, runs_of
from synmix.errors import UserError
from synmix.harmonize.rules import (
    IGNORED_LABELS,
    KNOWN_LABELS,
    SITUATIONS,
    SLIVER_PIXELS,
    SLIVERS,
    VEHICLES,
    choose,
)
from synmix.labels import INSTANCE_FACTOR, INSTANCE_LABELS, MIN_PIXELS, PERSON, RIDER


@dataclass(frozen=True)
class Target:
    """What pixels become: a class alone (``source`` 0), or an instance of it."""

    label: int
    source: int = 0  # the raw id that the instance comes from
    part: int = 0  # tells the instances of one source and class apart
    torn: bool = False  # each connected part becomes an instance


@dataclass
class Tally:
    """What happened in one frame or in many; additive."""

    before: Counter[int] = field(default_factory=Counter)  # visible raw instances per label id
    after: Counter[int] = field(default_factory=Counter)  # instances written, per label id
    cases: Counter[str] = field(default_factory=Counter)  # how often each rule was met
    pixels: Counter[str] = field(default_factory=Counter)  # and the pixels that it decided
    unknown: Counter[str] = field(default_factory=Counter)  # classes that nobody knows: their pixels, or labels

    def note(self, rule: str, pixels: int) -> None:
        """Counts one case of a rule."""
        self.cases[rule] += 1
        self.pixels[rule] += pixels

    def add(self, other: "Tally") -> None:
        """Adds another frame's tally."""
        for name, counts in vars(other).items():
            getattr(self, name).update(counts)


@dataclass(frozen=True)
class Harmonized:
    """A frame's labels as Cityscapes has them.

    >>> classes = np.full((20, 20), 33, dtype=np.uint8)  # a bicycle,
    >>> classes[:10] = 25  # and its rider: one instance in the raw labels
    >>> ids = np.full((20, 20), 3_300_001, dtype=np.uint32)
    >>> np.unique(harmonize(Labels(classes, ids, {3_300_001: 33})).instance_ids).tolist()
    [25000, 33000]
    """

    instance_ids: np.ndarray  # (H, W) uint16, ``labelId * 1000 + k``, or a plain label id
    label_ids: np.ndarray  # (H, W) uint8, in agreement with them
    tally: Tally
    sources: Mapping[int, int] = field(default_factory=dict)  # of each instance written, the raw id that it was


def harmonize(labels: Labels, rules: Mapping[str, str] | None = None) -> Harmonized:
    """Harmonises one frame.

    Args:
        rules: rule name -> action, for those that should differ from their default (:data:`.rules.RULES`).

    Raises:
        UserError: an unknown rule or action, a refused label, or a class map that knows none of the instances.

    >>> classes = np.full((20, 20), 33, dtype=np.uint8)  # a bicycle,
    >>> classes[:10] = 25  # and its rider: one instance in the raw labels
    >>> ids = np.full((20, 20), 3_300_001, dtype=np.uint32)
    >>> np.unique(harmonize(Labels(classes, ids, {3_300_001: 33})).instance_ids).tolist()
    [25000, 33000]
    """
    chosen, tally = choose(rules), Tally(unknown=Counter(labels.unknown))
    runs = runs_of((labels.instance_ids << np.uint32(8)) | labels.class_map)
    pairs = np.unique(runs.values)
    index = np.searchsorted(pairs, runs.values)  # np.unique's own inverse sorts twice as long
    pixels = np.bincount(index, weights=runs.lengths, minlength=len(pairs)).astype(int)
    targets, target_of_pair = _targets(pairs, pixels, labels.classes, chosen, tally)
    if not labels.unknown:  # the class map's own values
        _note_unknown(pairs, pixels, tally)
    run_targets = target_of_pair[index]
    if any(target.torn for target in targets):
        target_map = _tear(_expand(run_targets, runs), targets)
        runs = runs_of(target_map)
        run_targets = runs.values
    sizes = np.bincount(run_targets, weights=runs.lengths, minlength=len(targets)).astype(int)
    values, sources = _number(targets, sizes, tally)
    label_ids = np.array([target.label for target in targets], dtype=np.uint8)
    return Harmonized(_expand(values[run_targets], runs), _expand(label_ids[run_targets], runs), tally, sources)


def _note_unknown(pairs: np.ndarray, pixels: np.ndarray, tally: Tally) -> None:
    for pair, count in zip(pairs.tolist(), pixels.tolist(), strict=True):
        if pair & 255 not in KNOWN_LABELS:
            tally.unknown[str(pair & 255)] += count


def _expand(values: np.ndarray, runs: Runs) -> np.ndarray:
    """(R,) one value a run -> (H, W)."""
    return np.repeat(values, runs.lengths).reshape(runs.shape)


def _targets(
    pairs: np.ndarray, pixels: np.ndarray, classes: Mapping[int, int], rules: Mapping[str, str], tally: Tally
) -> tuple[list[Target], np.ndarray]:
    """The distinct targets, and the index of each pair's target among them: (P,)."""
    found: dict[int, dict[int, int]] = {}
    for pair, count in zip(pairs.tolist(), pixels.tolist(), strict=True):
        found.setdefault(pair >> 8, {})[pair & 255] = count
    tally.cases["hidden_instance"] += len(classes.keys() - found.keys())
    chosen: dict[tuple[int, int], Target] = {}
    for instance, parts in found.items():
        decisions = _instance(instance, parts, classes, rules, tally) if instance else _without_id(parts, rules, tally)
        chosen.update({(instance, label): target for label, target in decisions.items()})
    lost = tally.pixels["stuff_inside"] + tally.pixels["unknown_label"]
    if lost > MIN_PIXELS and not any(target.source for target in chosen.values()):
        raise UserError(
            f"none of the {sum(tally.before.values())} instances shows a class with instances in the class map, which "
            "must hold Cityscapes labelIds (24 person .. 33 bicycle), not trainIds; fetch img/class again."
        )
    targets = list(dict.fromkeys(chosen.values()))
    place = {target: index for index, target in enumerate(targets)}
    return targets, np.array([place[chosen[pair >> 8, pair & 255]] for pair in pairs.tolist()])


def _act(action: str, found: int, home: int, source: int) -> Target:
    """One action of :data:`.rules.ACTIONS` on pixels of class ``found`` in an instance of class ``home``."""
    if action == "error":
        raise UserError(f"the class map holds {found}, which is no Cityscapes labelId; fetch the frame again.")
    label = {"keep": home, "rider": RIDER, "void": 0}.get(action, found)
    if label not in KNOWN_LABELS:
        return Target(0)
    if action == "plain" or label not in INSTANCE_LABELS:
        return Target(label)
    # Pixels without an id make instances only by their connected parts; -1 keeps them apart from real ids.
    return Target(label, source or -1, torn=action == "parts")


def _without_id(parts: Mapping[int, int], rules: Mapping[str, str], tally: Tally) -> dict[int, Target]:
    """The targets of the pixels with id 0, per class found."""
    decisions = {}
    for found, pixels in parts.items():
        rule = _rule_without_id(found)
        if rule:
            tally.note(rule, pixels)
        decisions[found] = _act(rules[rule] if rule else "plain", found, found, 0)
    return decisions


def _rule_without_id(found: int) -> str | None:
    if found not in KNOWN_LABELS:
        return "unknown_label"
    return "thing_without_id" if found in INSTANCE_LABELS else None


def _instance(
    instance: int, parts: Mapping[int, int], classes: Mapping[int, int], rules: Mapping[str, str], tally: Tally
) -> dict[int, Target]:
    """The targets of one instance's pixels, per class found in it."""
    declared = classes.get(instance, instance // ID_FACTOR)
    declared = declared if declared in KNOWN_LABELS else 0
    tally.before[declared] += 1
    if instance not in classes:
        tally.note("id_not_in_meta", sum(parts.values()))
        if rules["id_not_in_meta"] != "split":
            return {found: _act(rules["id_not_in_meta"], found, found, 0) for found in parts}
    home = _vote(declared, parts)
    special: dict[int, str] = {}  # the rules that meet whole instances
    if home != declared and instance in classes:
        special[home] = "class_disagrees"
    elif home in VEHICLES and home not in parts and RIDER in parts:
        special[RIDER] = "rider_without_vehicle"
    elif home in VEHICLES and RIDER not in parts and home in parts:
        special[home] = "vehicle_without_rider"
    elif home in IGNORED_LABELS:
        special[home] = "ignored_class"
    if special.get(home) == "class_disagrees" and rules["class_disagrees"] == "keep":
        home = declared
    decisions = {}
    for found, pixels in parts.items():
        rule = special.get(found) or _rule_inside(home, found, pixels, rules)
        if rule:
            tally.note(rule, pixels)
        decisions[found] = _act(rules[rule] if rule else "split", found, home, instance)
    return decisions


def _vote(declared: int, parts: Mapping[int, int]) -> int:
    """The class of an instance by the pixels of its class map: the most frequent, in doubt the declared one. People do
    not vote on what they ride; where nothing else can vote, a vehicle stays what it was declared."""
    people = {PERSON, RIDER} if declared in VEHICLES else {RIDER}
    things = {label: pixels for label, pixels in parts.items() if label in INSTANCE_LABELS}
    voters = {label: pixels for label, pixels in things.items() if label not in people}
    if not voters:
        voters = {} if declared in VEHICLES else things
    return max(voters, key=lambda label: (voters[label], label == declared), default=declared)


def _rule_inside(home: int, found: int, pixels: int, rules: Mapping[str, str]) -> str | None:
    """The rule for pixels of class ``found`` inside an instance of class ``home``; None where they are its own."""
    if found == home:
        return None
    if found not in KNOWN_LABELS:
        return "unknown_label"
    rule = next(name for homes, founds, name in SITUATIONS if home in homes and found in founds)
    return SLIVERS.get(rule, rule) if pixels < SLIVER_PIXELS and rules[rule] != "keep" else rule


def _tear(target_map: np.ndarray, targets: list[Target]) -> np.ndarray:
    """Gives each connected part (8 neighbours) of the torn targets a target of its own, appended to ``targets``."""
    target_map = target_map.astype(np.int32)
    regions = regions_of(runs_of(target_map))
    for value, (x_min, y_min, x_max, y_max) in zip(regions.values.tolist(), regions.boxes.tolist(), strict=True):
        if not targets[value].torn:
            continue
        crop = target_map[y_min:y_max, x_min:x_max]
        count, parts = cv2.connectedComponents((crop == value).astype(np.uint8), connectivity=8)
        first = len(targets)
        targets += [replace(targets[value], part=part) for part in range(1, count)]
        crop[parts > 0] = first + parts[parts > 0] - 1
    return target_map


def _number(targets: list[Target], sizes: np.ndarray, tally: Tally) -> tuple[np.ndarray, dict[int, int]]:
    """(T,) uint16: the Cityscapes id of each target, and the raw ids that instances come from; in the order of
    those, so that numbering what is numbered changes nothing."""
    values = np.array([target.label for target in targets], dtype=np.uint16)
    sources: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    for index, target in enumerate(targets):
        if target.source and sizes[index]:
            members.setdefault(target.label, []).append(index)
    for label, indices in members.items():
        kept = set(sorted(indices, key=lambda index: -sizes[index])[:INSTANCE_FACTOR])
        for index in set(indices) - kept:
            tally.note("too_many", int(sizes[index]))
        order = sorted(kept, key=lambda index: (targets[index].source, targets[index].part))
        values[order] = label * INSTANCE_FACTOR + np.arange(len(order))
        sources |= {int(values[index]): targets[index].source for index in order if targets[index].source > 0}
        tally.after[label] = len(order)
    return values, sources

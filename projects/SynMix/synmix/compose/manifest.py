"""The manifest of a training set, as plain JSON: every run writes one and resumes only under an equal one."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from synmix.compose.part import Part
from synmix.compose.removal_rules import PIXELS
from synmix.compose.spec import CompositionSpec
from synmix.errors import UserError
from synmix.files import checksum, read_json, write_json
from synmix.kinds import Entry, Flag, Many, Table, Text, Whole

VERSION = 1
#: What the checksum covers of each data set: what was chosen, not how the config asked for it, nor where it lies.
_KINDS = {
    "checksum": Text(),
    "seed": Whole(-1),
    "removal_scope": Text(),
    "drop_empty": Flag(),
    "data_sets": Many(Entry()),
}
_DATA_SET = {
    "name": Text(),
    "repeat": Whole(1),
    "images": Whole(),
    "frames": Many(Text()),
    "classes": Table(Entry()),
    "labels_sha256": Text(),
}
_CHOICE = ("name", "repeat", "frames", "labels_sha256")


def describe(spec: CompositionSpec, parts: Sequence[Part]) -> dict[str, Any]:
    """The manifest of a composition: plain data without paths, equal on every machine.

    ``checksum`` is that of what was chosen alone: another seed that chooses the same images has the same one.
    """
    data_sets = [_describe_part(part) for part in parts]
    choice = {
        "drop_empty": spec.drop_empty,
        "data_sets": [{key: entry[key] for key in _CHOICE} for entry in data_sets],
    }
    return {
        "version": VERSION,
        "checksum": checksum(choice),
        "seed": int(spec.seed),
        "removal_scope": spec.removal_scope,
        "removal_by": spec.removal_by,
        "drop_empty": spec.drop_empty,
        "images": sum(part.num_images for part in parts),
        "labels": sum(len(part.table.instances) for part in parts),
        "labels_removed": sum(report.removed for part in parts for report in part.removal),
        "data_sets": data_sets,
    }


def _describe_part(part: Part) -> dict[str, Any]:
    missing = {"missing_classes": list(part.source.missing)} if part.source.missing else {}
    left_out = {"left_out_classes": dict(part.left_out)} if part.left_out else {}
    return {
        "name": part.source.name,
        "domain": part.source.domain,
        **missing,
        **left_out,
        "available": part.available,
        "images": len(part.table.frames),
        "repeat": int(part.repeat),
        "images_without_labels": part.num_empty,
        "classes": {report.category: report.to_dict() for report in part.removal},
        "labels_sha256": part.labels_sha256,
        "frames": part.table.frames["frame"].to_list(),
    }


def write_manifest(path: str | os.PathLike[str], manifest: dict[str, Any]) -> None:
    """Writes a manifest as JSON, atomically.

    >>> from synmix.compose import CompositionSpec, compose
    >>> write_manifest("manifest.json", compose(CompositionSpec(["mini_cityscapes_instance_train"])).manifest())
    >>> len(read_manifest("manifest.json")["data_sets"])
    1
    """
    write_json(path, manifest)


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what :func:`write_manifest` wrote.

    Raises:
        UserError: missing, not JSON, or not a manifest of this version.

    >>> from synmix.compose import CompositionSpec, compose
    >>> write_manifest("manifest.json", compose(CompositionSpec(["mini_cityscapes_instance_train"])).manifest())
    >>> read_manifest("manifest.json")["data_sets"][0]["name"]
    'mini_cityscapes_instance_train'
    """
    manifest = read_json(path)
    if not isinstance(manifest, dict) or not {"checksum", "data_sets"} <= manifest.keys():
        raise UserError(f"'{path}' is not a manifest of a training set; tools/compose.py --json writes one.")
    if manifest.get("version") != VERSION:
        raise UserError(
            f"'{path}' is a manifest of version {manifest.get('version')}, this SynMix writes version {VERSION}; write "
            "it again with tools/compose.py."
        )
    lacking = [key for key, kind in _KINDS.items() if not kind.accepts(manifest.get(key))]
    for entry in manifest["data_sets"] if not lacking else ():
        lacking += [key for key, kind in _DATA_SET.items() if not kind.accepts(entry.get(key))]
    if lacking:
        raise UserError(f"the manifest '{path}' was edited or damaged (its '{lacking[0]}'); write it again.")
    return manifest


def check_manifest(path: str | os.PathLike[str], manifest: dict[str, Any]) -> None:
    """Compares a run's manifest on disk with the one it is about to train on.

    Raises:
        UserError: the training sets differ (the sentence says in what), or the file is missing or is no manifest.
    """
    before = read_manifest(path)
    if before["checksum"] != manifest["checksum"]:
        raise UserError(
            f"the run of '{path}' was trained on another training set: {'; '.join(differences(before, manifest))}. "
            "Resume it with its own config and data, or give the new training another OUTPUT_DIR."
        )


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """What differs between two manifests, from ``a`` to ``b``, a phrase each; empty where they are equal.

    >>> from synmix.compose import CompositionSpec, compose
    >>> names = ["mini_cityscapes_instance_train"]
    >>> a, b = (compose(CompositionSpec(names, repeat=[times])).manifest() for times in (1, 2))
    >>> differences(a, b)
    ['mini_cityscapes_instance_train: repeat 1 -> 2']
    """
    keys = ("seed", "removal_scope", "drop_empty")
    phrases = [f"{key} {a[key]} -> {b[key]}" for key in keys if a[key] != b[key]]
    before, after = (manifest.get("removal_by", PIXELS.name) for manifest in (a, b))  # older ones do not say
    phrases += [f"removal_by {before} -> {after}"] if before != after else []
    sets_a, sets_b = ({entry["name"]: entry for entry in manifest["data_sets"]} for manifest in (a, b))
    phrases += [f"data set '{name}' is no longer used" for name in sets_a if name not in sets_b]
    phrases += [f"data set '{name}' is new" for name in sets_b if name not in sets_a]
    common = [name for name in sets_a if name in sets_b]
    if common != [name for name in sets_b if name in sets_a]:
        phrases.append("the data sets are in another order")
    for name in common:
        phrases += [f"{name}: {phrase}" for phrase in _part_differences(sets_a[name], sets_b[name])]
    return phrases or (["the checksums differ"] if a["checksum"] != b["checksum"] else [])


def _part_differences(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    if a["repeat"] != b["repeat"]:
        yield f"repeat {a['repeat']} -> {b['repeat']}"
    frames_a, frames_b = set(a["frames"]), set(b["frames"])
    if frames_a != frames_b:
        common, example = len(frames_a & frames_b), min(frames_a ^ frames_b)
        yield f"{a['images']} -> {b['images']} images, {common} in common (first difference: '{example}')"
    classes = list(_class_differences(a["classes"], b["classes"]))
    yield from classes
    if frames_a == frames_b and not classes and a["labels_sha256"] != b["labels_sha256"]:
        yield "the labels themselves changed (equal counts, other pixels, boxes or ids)"


def _class_differences(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    for name in sorted({*a, *b}):
        before, after = a.get(name, {}), b.get(name, {})
        changed = [
            f"{key} {before.get(key)} -> {after.get(key)}"
            for key in ("percent", "labels", "kept", "threshold")
            if before.get(key) != after.get(key)
        ]
        if changed:
            yield f"'{name}' {', '.join(changed)}"

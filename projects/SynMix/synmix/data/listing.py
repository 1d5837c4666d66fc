"""The frames of a data set as it was delivered: what its description's patterns find in a folder, and what lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from synmix.data.description import IMAGE, META, Description
from synmix.data.label_lists import Entry, LabelList, read_list
from synmix.data.patterns import FilePattern
from synmix.errors import UserError

#: What a frame is known by: its number, where its files are numbered, else its name.
Key = int | str
LIST = "labels"


@dataclass(frozen=True)
class Frame:
    """One frame of a raw folder and its files, whether they exist or not."""

    key: Key
    name: str
    image: Path
    files: Mapping[str, Path] = field(hash=False)  # part (class map, instance map, meta, labels) -> file
    split: str = ""  # the data set's own
    entries: tuple[Entry, ...] = field(default=(), hash=False, repr=False)  # of a list's labels

    @property
    def paths(self) -> tuple[Path, ...]:
        """All its files."""
        return self.image, *self.files.values()


@dataclass(frozen=True)
class Listing:
    """What a folder holds."""

    frames: dict[Key, Frame]  # in order
    missing: dict[Key, list[str]]  # what each frame lacks; whole ones are not in it
    problems: list[tuple[Key, str]]  # frame, and why it cannot be one

    @property
    def whole(self) -> list[Frame]:
        """The frames that lack nothing."""
        return [frame for key, frame in self.frames.items() if key not in self.missing]


def parts_of(description: Description, images: str = "") -> dict[str, FilePattern]:
    """The pattern of each file of a frame; ``images`` chooses the rendering."""
    if images and images not in description.images:
        raise UserError(
            f"'{description.name}' has no images '{images}'; choose one of {', '.join(description.images)}."
        )
    maps = {each.part: each.pattern for each in description.maps}
    meta = {META: description.meta} if description.meta else {}
    return {IMAGE: description.images[images or description.rendering], **maps, **meta}


def frame_at(
    description: Description, root: Path, key: Key | Mapping[str, str], images: str = "", split: str = ""
) -> Frame:
    """Where the files of a frame lie.

    Args:
        key: its number, or what the patterns' names stand for.
        split: one of its own splits.
    """
    values = {"number": str(key)} if not isinstance(key, Mapping) else dict(key)
    filled = {**values, "split": description.splits.words.get(split, "")}
    files = {part: pattern.fill(root, filled) for part, pattern in parts_of(description, images).items()}
    return _frame(description, values, files.pop(IMAGE), files, split)


def list_frames(description: Description, root: Path, images: str = "") -> Listing:
    """All frames of a folder, in order, each with the parts that it lacks.

    Args:
        images: the rendering; "" is the usual one.

    Raises:
        UserError: the folder is not this data set's, a pattern matches nothing, or a list cannot be read.
    """
    parts = parts_of(description, images)
    _check_folders(description, root, parts)
    listing = Listing({}, {}, [])
    seen: set[str] = set()
    last = list(description.splits.words_of().values())[-1]
    for split, word in description.splits.words_of().items():
        lists = _list_of(description, root, word, listing)
        for values, files in _find(description, root, parts, word, listing):
            seen.update(files)
            expected = {part: pattern.fill(root, {**values, "split": word}) for part, pattern in parts.items()}
            paths = {**expected, **files}
            frame = _frame(description, values, paths.pop(IMAGE), paths, split)
            lacking = [part for part in parts if part not in files]
            if lists:
                frame, lacking = _with_entries(frame, lists, lacking)
                if LIST in lacking and not parts[IMAGE].has_split and word != last:
                    continue  # it may be in another split's list
            _add(listing, frame, lacking)
        if lists:
            _check_unused(lists, listing)
    for part in parts:
        if part not in seen:
            folder = parts[part].folder(root, next(iter(description.splits.words.values()), ""))
            raise UserError(
                f"'{folder}' holds no frame ({part}: '{parts[part].text}'); unpack {description.title} there, or "
                "correct the pattern in its description."
            )
    return listing


def _frame(
    description: Description, values: Mapping[str, str], image: Path, files: Mapping[str, Path], split: str
) -> Frame:
    name = description.frame.format_map(values)
    key: Key = int(values["number"]) if description.is_numbered else name
    return Frame(key, name, image, files, split or description.splits.split_of(values))


def _check_folders(description: Description, root: Path, parts: Mapping[str, FilePattern]) -> None:
    """Each part has a folder in one of the splits at least; test labels are seldom public."""
    words = description.splits.words_of().values()
    for pattern in parts.values():
        folders = [pattern.folder(root, word) for word in words]
        if not any(folder.is_dir() for folder in folders):
            inside = ", ".join(f"'{each.text}'" for each in parts.values())
            raise UserError(
                f"'{folders[0]}' does not exist; expected {_article(description.title)} folder in '{root}', with "
                f"{inside} inside (docs/data.md)."
            )


def _article(title: str) -> str:
    short = title.split(" (")[0]
    return f"{'an' if short[0] in 'AEIOU' else 'a'} {short}"


def _find(
    description: Description, root: Path, parts: Mapping[str, FilePattern], word: str, listing: Listing
) -> list[tuple[dict[str, str], dict[str, Path]]]:
    """What each frame of a split is called, and the files that it has; in order."""
    table: dict[tuple[str, ...], dict[str, Path]] = {}
    for part, pattern in parts.items():
        for values, path in pattern.find(root, word):
            key = tuple(_plain(name, values[name]) for name in description.names)
            files = table.setdefault(key, {})
            if part in files:
                first, other = sorted((files[part], path))
                listing.problems.append(
                    ("_".join(key), f"'{first}' and '{other}' are the {part} of one frame; the first is taken.")
                )
                path = first
            files[part] = path
    ordered = sorted(table, key=lambda key: tuple(_rank(*each) for each in zip(description.names, key, strict=True)))
    return [(dict(zip(description.names, key, strict=True)), table[key]) for key in ordered]


def _plain(name: str, value: str) -> str:
    return str(int(value)) if name == "number" else value


def _rank(name: str, value: str) -> tuple[int, str]:
    """Numbers in the order of numbers."""
    return (len(value), value) if name == "number" else (0, value)


def _add(listing: Listing, frame: Frame, lacking: list[str]) -> None:
    if frame.key in listing.frames:
        if lacking and frame.image == listing.frames[frame.key].image:
            return  # one picture for all splits, and another one's list has it
        other = listing.frames[frame.key].image
        listing.problems.append((frame.key, f"'{frame.image}' and '{other}' make one name; the second is taken."))
        return
    listing.frames[frame.key] = frame
    if lacking:
        listing.missing[frame.key] = lacking


def _list_of(description: Description, root: Path, word: str, listing: Listing) -> LabelList | None:
    """The list of a split's labels; None for data sets with maps, or where the split has no list."""
    if not description.lists:
        return None
    path = description.lists.pattern.fill(root, {"split": word})
    others = [description.lists.pattern.fill(root, {"split": each}) for each in description.splits.words_of().values()]
    if not path.is_file() and any(other.is_file() for other in others):
        return LabelList(path, {}, [])
    lists = read_list(path, description.lists.format)
    listing.problems.extend((name, f"'{path}' lists it twice; the first is taken.") for name in lists.twice)
    return lists


def _with_entries(frame: Frame, lists: LabelList, lacking: list[str]) -> tuple[Frame, list[str]]:
    found = lists.of(frame.image)
    if found is None:
        return frame, [*lacking, LIST]
    lists.used.add(found[0])
    return replace(frame, files={**frame.files, LIST: lists.path}, entries=found[1]), lacking


def _check_unused(lists: LabelList, listing: Listing) -> None:
    for name in lists.entries.keys() - lists.used:
        listing.problems.append((name, f"'{lists.path}' has labels of it, but there is no such image."))

"""Random edits of files, as damaged disks, hasty editors and strangers make them; each follows from one number."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

#: What may come to stand in the place of a value.
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3.7, -0.0, 10**9, 10**19, -(2**63), 10**400, 1e308),
    *(float("nan"), float("inf"), "", "0", "nan", "../../etc", "\0", "\ud800", "é" * 300, "_BASE_", "-"),
    *([], {}, [[]], [None], {"": 0}, [[0, 0], [1]], {"counts": [], "size": [0]}, [1, 2, 3, 4], [float("nan")] * 4),
)


def edit_bytes(path: Path, chance: random.Random) -> None:
    """Flips, cuts, doubles or blanks bytes."""
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data) + 1)
    what = chance.randrange(6)
    if what == 0:
        for _ in range(chance.choice((1, 1, 3, 20))):
            if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif what == 1:
        del data[place:]
    elif what == 2:
        data[place:place] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 4, 64))))
    elif what == 3:
        data[place:] = bytes(len(data) - place)
    elif what == 4:
        del data[place : place + chance.choice((1, 8, 100))]
    else:
        data = bytearray(chance.choice((b"", b"\0", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5000, b"a: *b")))
    path.write_bytes(bytes(data))


def edit_tree(value: Any, chance: random.Random) -> Any:
    """The same plain data with one entry replaced, removed, doubled or moved, at any depth."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.1:
        return chance.choice(STRANGE)
    key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
    if chance.random() < 0.6:
        value[key] = edit_tree(value[key], chance)
    elif chance.random() < 0.4:
        del value[key]
    elif isinstance(value, list):
        value.append(value[key])
    else:
        other = chance.choice(list(value))
        value[key], value[other] = value[other], value[key]
    return value


def edit_structure(path: Path, chance: random.Random) -> None:
    """Edits what a JSON or YAML file says; any other file is edited in its bytes."""
    read: Callable[[str], Any] = json.loads if path.suffix == ".json" else yaml.safe_load
    try:
        value = read(path.read_text())
    except (ValueError, yaml.YAMLError, RecursionError):
        return edit_bytes(path, chance)
    value = edit_tree(value, chance)
    text = json.dumps(value) if path.suffix == ".json" else yaml.safe_dump(value, allow_unicode=False)
    path.write_text(text, errors="replace")


def edit_picture(path: Path, chance: random.Random) -> None:
    """Another kind or size of picture, other values, or a header that promises too much."""
    height, width = chance.choice(((1, 1), (40, 60), (60, 40), (41, 60)))
    values = np.random.default_rng(chance.randrange(10**6)).integers(0, 1 << 16, (height, width))
    kinds: tuple[Callable[[], Image.Image], ...] = (
        lambda: Image.fromarray(values.astype(np.uint16)),
        lambda: Image.fromarray(values.astype(np.uint8)),
        lambda: Image.fromarray(values.astype(np.uint8)).convert("P"),
        lambda: Image.fromarray(values.astype(np.uint8)).convert("1"),
        lambda: Image.fromarray(values.astype(np.uint8)).convert("RGBA"),
        lambda: Image.fromarray(values.astype(np.int32)).convert("I"),
    )
    stream = io.BytesIO()
    chance.choice(kinds)().save(stream, "PNG")
    data = stream.getvalue()
    if chance.random() < 0.25:
        sizes = (0, 1, 20_000, 2**31 - 1, 2**32 - 1)
        data = data[:16] + b"".join(chance.choice(sizes).to_bytes(4, "big") for _ in "wh") + data[24:]
    path.write_bytes(data)


def edit_line(path: Path, chance: random.Random) -> None:
    """Replaces a field of a line of text."""
    lines = path.read_text(errors="replace").splitlines() or [""]
    row = chance.randrange(len(lines))
    separator = "," if "," in lines[row] else " "
    fields = lines[row].split(separator)
    fields[chance.randrange(len(fields))] = str(chance.choice(STRANGE))
    lines[row] = separator.join(fields if chance.random() < 0.8 else fields[:-1])
    path.write_text("\n".join(lines), errors="replace")


def edit(path: Path, chance: random.Random) -> None:
    """One edit of a file that suits its kind, or of its bytes."""
    suits = {".json": edit_structure, ".yaml": edit_structure, ".png": edit_picture, ".txt": edit_line}
    if chance.random() < 0.05:
        path.unlink()
    elif chance.random() < 0.3:
        edit_bytes(path, chance)
    else:
        suits.get(path.suffix, edit_bytes)(path, chance)

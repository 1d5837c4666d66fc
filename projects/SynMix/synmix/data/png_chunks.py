"""The parts of a PNG file, with their checksums verified by ISA-L."""

import struct
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FIRST = len(SIGNATURE) + 25  # where the chunk behind IHDR begins


class Header(NamedTuple):
    """IHDR's fields (PNG specification, 11.2.2)."""

    width: int
    height: int
    depth: int
    color: int
    compression: int
    filtering: int
    interlace: int


class Chunks(NamedTuple):
    """A whole file: its header, the compressed pixels, and the names of all chunks in their order."""

    header: Header
    compressed: bytes
    names: list[bytes]


def read_chunks(data: bytes) -> Chunks | None:
    """The chunks of a file up to IEND; None where it is no PNG, a chunk is torn, or its checksum wrong."""
    if not data.startswith(SIGNATURE):
        return None
    position, header, pixels, names = len(SIGNATURE), None, [], []
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        name, end = data[position + 4 : position + 8], position + 8 + length
        if data[end : end + 4] != struct.pack(">I", isal_zlib.crc32(memoryview(data)[position + 4 : end])):
            return None
        names.append(name)
        if name == b"IHDR" and length == 13:
            header = Header(*struct.unpack_from(">IIBBBBB", data, position + 8))
        elif name == b"IDAT":
            pixels.append(memoryview(data)[position + 8 : end])
        elif name == b"IEND":
            return None if header is None else Chunks(header, b"".join(pixels), names)
        position = end + 4
    return None


def with_text(data: bytes, keyword: str, text: str) -> bytes:
    """The file with a tEXt chunk behind its header (PNG specification, 11.3.3.2), which readers of pixels pass over."""
    body = b"tEXt" + f"{keyword}\0{text}".encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", isal_zlib.crc32(body))
    return data[:_FIRST] + chunk + data[_FIRST:]


def text_of(path: Path, keyword: str) -> str | None:
    """What :func:`with_text` has added to a file, of which no more is read; None where it did not, or it is torn."""
    with path.open("rb") as file:
        start = file.read(_FIRST + 8)
        if not start.startswith(SIGNATURE) or start[-4:] != b"tEXt":
            return None
        (length,) = struct.unpack_from(">I", start, _FIRST)
        body, checksum = file.read(length), file.read(4)
    name, _, text = body.partition(b"\0")
    whole = checksum == struct.pack(">I", isal_zlib.crc32(b"tEXt" + body))
    return text.decode("latin-1") if whole and name == keyword.encode("latin-1") else None

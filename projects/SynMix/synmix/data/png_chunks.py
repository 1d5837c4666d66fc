"""The parts of a PNG file, with their checksums verified by ISA-L."""

import struct
from typing import NamedTuple

from isal import isal_zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


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

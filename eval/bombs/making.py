"""The list of bombs, and how they are written to a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from eval.bombs import columns, documents, media, pictures, tables

MOST = 1 << 20


class Bomb(NamedTuple):
    """`name` is the file's, as it would come in; `make` gives its bytes."""

    name: str
    make: Callable[[], bytes]


BOMBS = (
    Bomb("giant.png", pictures.giant_png),
    Bomb("text.png", pictures.png_with_long_text),
    Bomb("frames.gif", pictures.gif_of_many_frames),
    Bomb("tiles.tiff", pictures.tiff_of_many_tiles),
    Bomb("sky.fits.gz", pictures.fits_in_gzip),
    Bomb("wavelet.jp2", pictures.giant_jpeg2000),
    Bomb("laughs.svg", pictures.svg_with_entities),
    Bomb("nested.pdf", documents.pdf_of_nested_streams),
    Bomb("pages.pdf", documents.pdf_of_a_million_pages),
    Bomb("loop.pdf", documents.pdf_with_a_loop),
    Bomb("scan.pdf", documents.pdf_of_a_giant_scan),
    Bomb("inflated.docx", documents.docx_that_swells),
    Bomb("renamed.docx", documents.docx_with_its_text_under_another_name),
    Bomb("overlapping.docx", documents.docx_of_overlapping_parts),
    Bomb("link.docx", documents.docx_with_a_link),
    Bomb("entities.docx", documents.docx_with_entities),
    Bomb("eternal.mp4", media.mp4_of_thirty_years),
    Bomb("wide.mp4", media.mp4_larger_than_a_wall),
    Bomb("slices.mp4", media.mp4_of_many_slices),
    Bomb("nested.mkv", media.mkv_of_nested_elements),
    Bomb("giant.wav", media.wav_that_says_four_gigabytes),
    Bomb("slow.wav", media.wav_of_a_sample_a_second),
    Bomb("cut.ogg", media.ogg_that_ends_at_once),
    Bomb("deep.json", documents.json_of_great_depth),
    Bomb("rows.parquet", columns.parquet_of_a_trillion_rows),
    Bomb("word.parquet", columns.parquet_of_one_great_word),
    Bomb("deep.parquet", columns.parquet_of_endless_depth),
    Bomb("line.csv", tables.csv_of_one_endless_line),
    Bomb("columns.csv", tables.csv_of_a_million_columns),
    Bomb("names.jsonl", tables.jsonl_of_a_new_name_a_line),
    Bomb("blank.json", tables.json_of_empty_records),
    Bomb("inflated.xlsx", tables.xlsx_that_swells),
    Bomb("blank.xlsx", tables.xlsx_of_blank_cells),
)


def corpus(folder: Path) -> list[Path]:
    """Write every bomb into the folder."""
    written = []
    for bomb in BOMBS:
        data = bomb.make()
        assert 0 < len(data) <= MOST, f"{bomb.name}: {len(data)} bytes"
        path = folder / bomb.name
        path.write_bytes(data)
        written.append(path)
    return written

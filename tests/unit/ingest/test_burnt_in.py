"""Which text of a frame is read, when, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from ingest.video.burnt_in import Budget, BurntIn, Line
from retrieval.types import Box

SIZE = (640, 360)
CLOCK: Box = (0.5, 0.0, 0.7, 0.05)


class Page:
    """A region reader over a line of text painted from `left` on, 16 pixels a letter: it reads the letters that a crop holds whole.

    Letters are told by their colour, so a crop says by itself where it was cut.
    """

    name = "page 1"

    def __init__(self, text: str, found: tuple[str, Box], others: Sequence[tuple[str, Box]] = ()) -> None:
        self._text = text
        self._found = [found, *others]
        self.crops = 0

    def picture(self, left: int) -> Image.Image:
        image = Image.new("RGB", SIZE, (0, 0, 0))
        for n in range(len(self._text)):
            image.paste((n + 1, 0, 0), (left + 16 * n, 0, left + 16 * (n + 1), 18))
        return image

    def lines(self, image: Image.Image) -> list[tuple[str, Box]]:
        return list(self._found)

    def recognise(self, crops: Sequence[Image.Image]) -> list[str]:
        self.crops += len(crops)
        return ["".join(self._letters(crop)) for crop in crops]

    def _letters(self, crop: Image.Image) -> list[str]:
        row = [crop.getpixel((x, 2)) for x in range(crop.width)]
        reds = [pixel[0] for pixel in row if isinstance(pixel, tuple)]
        return [letter for n, letter in enumerate(self._text) if reds.count(n + 1) == 16]


def test_a_digit_that_the_search_cut_off_is_read_all_the_same() -> None:
    page = Page("12:10:31", ("2:10:31", (336 / 640, 0.0, 448 / 640, 0.05)))
    burnt = BurntIn(page, Budget(lines_ms=1000))
    image = page.picture(320)
    assert [line.text for line in burnt.read(0, image, 1.0)] == ["12:10:31"]
    assert [line.text for line in burnt.read(1000, image, 0.0)] == ["12:10:31"], "later readings have the same room"


def test_room_ends_where_another_line_begins() -> None:
    other = ("CAM-07", (0.4, 0.0, 330 / 640, 0.05))
    page = Page("12:10:31", ("2:10:31", (336 / 640, 0.0, 448 / 640, 0.05)), [other])
    burnt = BurntIn(page, Budget())
    assert [line.text for line in burnt.read(0, page.picture(320), 1.0)] == ["2:10:31", "CAM-07"]


def test_a_clock_is_not_given_up_for_a_worse_reading() -> None:
    page = Page("2:10:317777", ("2:10:31", (320 / 640, 0.0, 432 / 640, 0.05)))
    burnt = BurntIn(page, Budget())
    assert [line.text for line in burnt.read(0, page.picture(320), 1.0)] == ["2:10:31"]


def test_a_picture_without_a_clock_costs_nothing_more() -> None:
    page = Page("", ("DANGER 400 V", CLOCK), [("MAX 5.25 t", (0, 0.5, 0.2, 0.6))])
    burnt = BurntIn(page, Budget())
    assert burnt.read(0, page.picture(0), 1.0) == [Line("DANGER 400 V", CLOCK), Line("MAX 5.25 t", (0, 0.5, 0.2, 0.6))]
    assert page.crops == 0

"""Evidence pictures as text: two pixels per cell in half-blocks, or a ramp of ASCII characters by brightness.

Refuses pictures whose bytes do not fit their stated size, before any work is done on them. Pure; called by the event page.
"""

from __future__ import annotations

import base64
import binascii

from rich.text import Text

from tui.errors import PictureError

PIXELS_PER_SIDE_MAX = 640
"""Thumbnails are far smaller; more is an attack on the console's memory."""

HALF_BLOCK = "\u2580"
RAMP = " .:-=+*#%@"

Pixel = tuple[int, int, int]


class Picture:
    """An RGB picture of `width` by `height` pixels."""

    def __init__(self, width: int, height: int, rgb: bytes) -> None:
        if not (0 < width <= PIXELS_PER_SIDE_MAX and 0 < height <= PIXELS_PER_SIDE_MAX):
            raise PictureError(f"picture of {width} x {height} pixels refused: sides of 1 to {PIXELS_PER_SIDE_MAX} are shown")
        if len(rgb) != width * height * 3:
            raise PictureError(
                f"picture of {width} x {height} pixels has {len(rgb)} bytes, expected {width * height * 3}: the evidence is damaged"
            )
        self.width = width
        self.height = height
        self._rgb = rgb

    @classmethod
    def from_base64(cls, width: int, height: int, text: str) -> Picture:
        """The picture in `text`; raises PictureError."""
        try:
            return cls(width, height, base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise PictureError(f"picture is not base64 ({error}): the evidence is damaged") from error

    def size_within(self, columns: int, rows: int) -> tuple[int, int]:
        """The largest size in half-cells that keeps the shape inside `columns` by `rows` cells, never enlarged."""
        scale = min(1.0, columns / self.width, 2 * rows / self.height)
        return max(1, int(self.width * scale)), max(2, int(self.height * scale) // 2 * 2)

    def mean(self, x: int, y: int, columns: int, rows: int) -> Pixel:
        """The mean colour of the box that becomes pixel (x, y) of a picture of `columns` by `rows`."""
        left, right = _span(x, columns, self.width)
        top, bottom = _span(y, rows, self.height)
        sums = [0, 0, 0]
        for line in range(top, bottom):
            start = line * self.width
            stretch = self._rgb[(start + left) * 3 : (start + right) * 3]
            for band in range(3):
                sums[band] += sum(stretch[band::3])
        count = (right - left) * (bottom - top)
        return sums[0] // count, sums[1] // count, sums[2] // count


def _span(place: int, parts: int, whole: int) -> tuple[int, int]:
    first = place * whole // parts
    return first, max(first + 1, (place + 1) * whole // parts)


def half_blocks(picture: Picture, columns: int, rows: int) -> list[Text]:
    """The picture as lines of half-blocks: the upper pixel is the foreground, the lower one the background."""
    width, height = picture.size_within(columns, rows)
    return [_half_line(picture, width, height, line) for line in range(0, height, 2)]


def _half_line(picture: Picture, width: int, height: int, line: int) -> Text:
    shown = Text(no_wrap=True, end="")
    for x in range(width):
        upper = picture.mean(x, line, width, height)
        lower = picture.mean(x, line + 1, width, height)
        shown.append(HALF_BLOCK, style=f"{_hex(upper)} on {_hex(lower)}")
    return shown


def ramp(picture: Picture, columns: int, rows: int) -> list[Text]:
    """The picture as lines of ASCII characters, denser where it is brighter."""
    width, height = picture.size_within(columns, rows)
    return [
        Text("".join(_ramp_character(picture.mean(x, y, width, height // 2)) for x in range(width)), no_wrap=True, end="")
        for y in range(height // 2)
    ]


def _ramp_character(pixel: Pixel) -> str:
    red, green, blue = pixel
    brightness = (299 * red + 587 * green + 114 * blue) // 1_000
    return RAMP[min(len(RAMP) - 1, brightness * len(RAMP) // 256)]


def _hex(pixel: Pixel) -> str:
    return f"#{pixel[0]:02x}{pixel[1]:02x}{pixel[2]:02x}"

"""Pictures as text."""

from __future__ import annotations

import pytest

from tui.errors import PictureError
from tui.picture import HALF_BLOCK, Picture, half_blocks, ramp

RED_OVER_BLUE = Picture(2, 2, bytes((255, 0, 0) * 2 + (0, 0, 255) * 2))


def test_a_half_block_has_the_upper_pixel_in_front_and_the_lower_behind() -> None:
    (line,) = half_blocks(RED_OVER_BLUE, 10, 10)
    assert line.plain == HALF_BLOCK * 2
    assert [str(span.style) for span in line.spans] == ["#ff0000 on #0000ff"] * 2


def test_a_large_picture_is_averaged_into_its_cells_and_keeps_its_shape() -> None:
    lines = half_blocks(Picture(80, 40, bytes((10, 20, 30)) * 3_200), 40, 30)
    assert (len(lines), len(lines[0].plain)) == (10, 40)
    assert str(lines[0].spans[0].style) == "#0a141e on #0a141e"


def test_the_ramp_is_ascii_and_denser_where_brighter() -> None:
    lines = ramp(Picture(2, 2, bytes((0, 0, 0, 255, 255, 255) * 2)), 10, 10)
    assert [line.plain for line in lines] == [" @"]


@pytest.mark.parametrize(
    ("width", "height", "text", "word"),
    [(2, 2, "AAAA", "damaged"), (0, 2, "", "refused"), (100_000, 100_000, "", "refused"), (1, 1, "%%%", "base64")],
)
def test_bytes_that_are_no_picture_are_refused(width: int, height: int, text: str, word: str) -> None:
    with pytest.raises(PictureError, match=word):
        Picture.from_base64(width, height, text)

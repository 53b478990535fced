"""The size of a picture, read from its head."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.models.picture_bounds import picture_size
from tests.edge_ai.models.made import grey_picture


@pytest.mark.parametrize("size", [(1, 1), (40, 60), (300, 17)])
def test_size_of_a_picture_is_read_without_decoding_it(size: tuple[int, int], tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        assert picture_size(grey_picture(tmp_path, name, size).read_bytes()) == (size[1], size[0])
    assert picture_size(b"\xff\xd8\xff\xc4") == picture_size(b"") == (0, 0)

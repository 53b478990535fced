"""Files that are not what they seem: a picture of absurd size, sizes and codecs that change, a picture that passes for a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_ai.errors import SourceError
from edge_ai.sources.files import ClipSource, open_clip
from tests.edge_ai.sources.serving import STREAMS

SIDE = 60_000


def jpeg(width: int, height: int, *, says: int = 0) -> bytes:
    """A grey picture; `says` is a side that its head claims."""
    data = bytearray(cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes())
    if says:
        head = data.index(b"\xff\xc0")
        data[head + 5 : head + 9] = says.to_bytes(2, "big") * 2
    return bytes(data)


def played(folder: Path, name: str, data: bytes) -> tuple[list[tuple[int, ...]], str]:
    """Shapes of the pictures of a file, and what is said of its end."""
    (folder / name).write_bytes(data)
    source = open_clip(folder / name)
    try:
        return _shapes(source), str(source.ending() or "")
    finally:
        source.close()


def _shapes(source: ClipSource) -> list[tuple[int, ...]]:
    found = []
    while (picture := source.read()) is not None:
        found.append(picture.shape)
    return found


def test_a_picture_of_absurd_size_among_others_is_told_and_nothing_is_decoded_of_it(tmp_path: Path) -> None:
    data = jpeg(64, 48) * 5 + jpeg(64, 48, says=SIDE) + jpeg(64, 48) * 10
    shapes, ending = played(tmp_path, "a.mjpeg", data)
    assert set(shapes) == {(48, 64, 3)}
    assert ending.startswith(f"a.mjpeg is damaged: picture {len(shapes) + 1} cannot be read, or is of absurd size")


def test_a_file_that_is_whole_is_called_so(tmp_path: Path) -> None:
    shapes, ending = played(tmp_path, "a.mjpeg", jpeg(64, 48) * 9)
    assert (len(shapes), ending) == (9, "")


@pytest.mark.parametrize(("second", "least"), [("other.h264", 50), ("small.h265", 30)])
def test_another_size_or_codec_in_mid_file_tears_no_picture(second: str, least: int, tmp_path: Path) -> None:
    """Another size is made the first one; behind another codec nothing is read any more."""
    shapes, _ = played(tmp_path, "a.h264", (STREAMS / "small.h264").read_bytes() + (STREAMS / second).read_bytes())
    assert (set(shapes), len(shapes) >= least) == ({(120, 160, 3)}, True)


def test_a_single_picture_of_absurd_size_is_no_camera(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(64, 48, says=SIDE))
    with pytest.raises(SourceError, match=r"a\.jpg: no size of its pictures can be read, or an absurd one"):
        open_clip(path)

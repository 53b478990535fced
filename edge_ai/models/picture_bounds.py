"""How large a golden picture may be, asked of its head before anybody decodes it. Pure.

Called by edge_ai/models/importing.py, with the name that the file has, and by golden_run.py, for packages of other nodes.
"""

from __future__ import annotations

from edge_ai.errors import AlgorithmError

PICTURE_SIDE_MAX = 8_192
PICTURE_PIXELS_MAX = 16_000_000


def check_picture(name: str, data: bytes) -> None:
    """Raise AlgorithmError for a picture that says it is larger than anything a model is tested with, or says nothing."""
    width, height = picture_size(data)
    if not 0 < width * height <= PICTURE_PIXELS_MAX or max(width, height) > PICTURE_SIDE_MAX:
        raise AlgorithmError(f"picture {name} refused: {width}x{height}, at most {PICTURE_PIXELS_MAX} pixels; make it smaller")


def picture_size(data: bytes) -> tuple[int, int]:
    """(width, height) that a JPEG or PNG says it has; (0, 0) for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    place = 2 if data[:2] == b"\xff\xd8" else len(data)
    while place + 9 < len(data) and data[place] == 0xFF:
        kind = data[place + 1]
        if kind in range(0xC0, 0xD0) and kind not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[place + 7 : place + 9], "big"), int.from_bytes(data[place + 5 : place + 7], "big")
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big") if kind != 0xFF else 1
    return (0, 0)

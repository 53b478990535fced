"""A copy of a picture with who asked for it burnt in: `python -m edge_ai.evidence.watermark --text WORDS`, JPEG from stdin to stdout.

Owns the layout: a line below the picture, and the same words across it, so that no piece worth having is without them. A process of its
own, because the node imports no decoder. Refuses what is no picture, and one of absurd size. Started by node/evidence/stamping.py.
"""

from __future__ import annotations

import argparse
import sys

import cv2
import numpy as np

from edge_ai.errors import EdgeError, EvidenceError
from edge_ai.evidence.coding import jpeg_of
from edge_ai.picture import Pixels
from edge_ai.wire.events import ORIGINAL_BYTES_MAX

PIXELS_MAX = 64_000_000
"""Of a picture that is opened; its header says so before memory is spent."""
LINES = 5
"""Times the words stand across the picture."""
SHADE = 0.28
"""Share of the words' colour in the picture under them: to be read, and to read through."""
TEXT_CHARS_MAX = 240
HEIGHT_SHARE = 1 / 28
"""Height of letters by that of the picture."""
HEIGHT_MIN = 10
EXIT_REFUSED = 2


class Watermark:
    """One text for pictures of one size, drawn once: letters cost more than everything else about a picture."""

    def __init__(self, width: int, height: int, text: str) -> None:
        # A lone surrogate ends the process inside the library, and control characters are drawn as boxes.
        words = "".join(char if char.isprintable() else "?" for char in text[:TEXT_CHARS_MAX])
        size = max(HEIGHT_MIN, round(height * HEIGHT_SHARE))
        letters = np.zeros((height, width, 3), np.uint8)
        for line in range(LINES):
            left = -(width // 4) * (line % 2)
            _write(letters, f"{words}   {words}", (left, (line * 2 + 1) * height // (LINES * 2)), size, (255, 255, 255))
        self._cover = letters.astype(np.float32) * (SHADE / 255)
        self._foot = np.zeros((size * 2, width, 3), np.uint8)
        _write(self._foot, words, (4, size + size // 2), _fitting(words, width, size), (255, 255, 255))

    def over(self, pixels: Pixels) -> Pixels:
        """`pixels` with the text across them and in a line below."""
        mixed = pixels + self._cover * (255 - pixels.astype(np.float32))
        return np.asarray(np.vstack([np.rint(mixed).astype(np.uint8), self._foot]), np.uint8)


def watermarked(pixels: Pixels, text: str) -> Pixels:
    """`pixels` with `text` across it and in a line below it; any language, at most 240 characters."""
    return Watermark(pixels.shape[1], pixels.shape[0], text).over(pixels)


def opened(jpeg: bytes) -> Pixels:
    """The picture in `jpeg`; raises EvidenceError."""
    size = jpeg_size(jpeg)
    if size is None or size[0] * size[1] > PIXELS_MAX:
        raise EvidenceError(f"no jpeg of at most {PIXELS_MAX} pixels in {len(jpeg)} bytes")
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise EvidenceError(f"{len(jpeg)} bytes are no picture")
    return np.asarray(pixels, np.uint8)


def jpeg_size(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG's frame header names; None when there is none (ITU T.81, B.2.2)."""
    position = 2
    while jpeg[:2] == b"\xff\xd8" and position + 9 <= len(jpeg) and jpeg[position] == 0xFF:
        marker = jpeg[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(jpeg[position + 7 : position + 9]), int.from_bytes(jpeg[position + 5 : position + 7])
        position += 2 + int.from_bytes(jpeg[position + 2 : position + 4])
    return None


def _write(pixels: Pixels, words: str, at: tuple[int, int], size: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(pixels, words, at, colour, cv2.FontFace("uni"), size)


def _fitting(words: str, width: int, size: int) -> int:
    """Letters small enough that the words fit on one line, as far as they can still be read."""
    probe = np.zeros((8, 8, 3), np.uint8)
    end, _ = cv2.putText(probe, words, (0, 0), (0, 0, 0), cv2.FontFace("uni"), size)
    return size if end[0] + 8 <= width else max(HEIGHT_MIN, size * (width - 8) // max(end[0], 1))


def main() -> int:
    """Stamp one picture; 2 when it is none."""
    parser = argparse.ArgumentParser(prog="edge_ai.evidence.watermark", description="burns who asked into a copy of a picture")
    parser.add_argument("--text", required=True)
    cv2.setNumThreads(1)
    try:
        pixels = opened(sys.stdin.buffer.read(ORIGINAL_BYTES_MAX + 1))
        sys.stdout.buffer.write(jpeg_of(watermarked(pixels, parser.parse_args().text), bytes_max=ORIGINAL_BYTES_MAX))
    except EdgeError as error:
        sys.stderr.write(f"watermark: {error}\n")
        return EXIT_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())

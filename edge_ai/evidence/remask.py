"""A picture masked anew, as a whole, from its original: `python -m edge_ai.evidence.remask`, JPEG from stdin, what may travel to stdout.

For a camera whose wish became stricter after pictures of it had left. A process of its own, because the node imports no decoder. Started by
node/evidence/stamping.py.
"""

from __future__ import annotations

import hashlib
import sys

import cv2
import msgspec

from edge_ai.errors import EdgeError
from edge_ai.evidence.coding import make_evidence
from edge_ai.evidence.masking import Masking, mosaic
from edge_ai.evidence.watermark import EXIT_REFUSED, opened
from edge_ai.wire.events import ORIGINAL_BYTES_MAX, Remasked


def remasked(original: bytes) -> Remasked:
    """The picture that may travel for an `original`; raises EvidenceError."""
    digest = hashlib.sha256(original).hexdigest()
    made = make_evidence(mosaic(opened(original)), masking=Masking.MOSAIC.value, kept_sha256=digest)
    return Remasked(made.info, made.jpeg, made.thumb_rgb)


def main() -> int:
    """Mask one picture; 2 when it is none."""
    cv2.setNumThreads(1)
    try:
        sys.stdout.buffer.write(msgspec.msgpack.encode(remasked(sys.stdin.buffer.read(ORIGINAL_BYTES_MAX + 1))))
    except EdgeError as error:
        sys.stderr.write(f"remask: {error}\n")
        return EXIT_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())

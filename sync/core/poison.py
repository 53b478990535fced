"""Frames that cannot be valid, and how often each was asked for again before its records are quarantined. Called by receiving.py."""

from __future__ import annotations

from sync.model import Frame

POISON_FRAMES_MAX = 1_024
"""Damaged frames whose tries are remembered; the oldest is forgotten first."""

POISON_TRIES = 3
"""How often a frame that cannot be valid is asked for again before its records are quarantined."""


class Poison:
    """Tries of damaged frames, newest last."""

    def __init__(self) -> None:
        self._tries: dict[bytes, int] = {}

    def is_final(self, frame: Frame) -> bool:
        """Count one more try of a damaged frame; True when it was the last one it gets."""
        key = frame.batch.header.payload_sha256 + frame.span.upto.to_bytes(8, "big")
        tries = self._tries.pop(key, 0) + 1
        self._tries[key] = tries
        if len(self._tries) > POISON_FRAMES_MAX:
            del self._tries[next(iter(self._tries))]
        return tries >= POISON_TRIES

"""The capture process's end of a frame ring: gates each frame and publishes it in a slot of its camera.

Never waits for a reader, and no reader can harm it. One thread per camera. Called by edge_ai/capture/worker.py as the sink of its
cameras.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_ai.capture.gate import GateState, Motion, MotionGate
from edge_ai.picture import Pixels, Shot
from edge_ai.ring.layout import (
    CAMERAS_WORD,
    DESCRIPTION,
    MAGIC,
    MAGIC_WORD,
    PIXELS_MAX,
    PUBLISHED_WORD,
    STATES,
    Description,
    Place,
    fence,
    place_of,
    reserve,
    ring_bytes,
)
from edge_ai.spec import CameraSpec, DecodeMode
from sync.model import Instant

QUIET_PERIOD_S = 1.0
"""Seconds between frames that are published of a picture in which nothing moves: enough for a heartbeat, and each is looked at."""
STILL = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 1.0)
"""What is said of a still: worth an analysis, and nothing known of what moves."""


class RingWriter:
    """The frames of up to 8 cameras; raises RingError when there is no room for them."""

    def __init__(self, path: Path, cameras: Sequence[CameraSpec], now: Instant) -> None:
        part = path.with_suffix(".part")
        self._path = path
        memory = reserve(part, ring_bytes(len(cameras)))
        words = memoryview(memory).cast("Q")
        words[MAGIC_WORD], words[CAMERAS_WORD] = MAGIC, len(cameras)
        part.rename(path)
        self._writers = {camera.id: _CameraWriter(memory, words, camera, index=index, epoch=now.us) for index, camera in enumerate(cameras)}

    def room(self, camera: str) -> Pixels | None:
        """The slot of the camera's next frame, where a picture as large as its last one fits; None before the first one.

        Readers lose the frame that lay there, which is never the newest; what is not published leaves the room to the next picture.
        """
        return self._writers[camera].room()

    def put(self, shot: Shot) -> bool:
        """Gate `shot` and publish it unless it tells nothing new.

        True when a reader should look at once; a quiet picture waits for its next turn.
        """
        return self._writers[shot.camera].put(shot)

    def storms(self, camera: str) -> int:
        """Full-frame changes that the camera's gate has seen."""
        return self._writers[camera].gate.storms

    def close(self) -> None:
        """Take the file away; readers that have it open keep the frames that are in it."""
        self._path.unlink(missing_ok=True)


class _CameraWriter:
    """The slots of one camera."""

    def __init__(self, memory: mmap.mmap, words: memoryview[int], camera: CameraSpec, *, index: int, epoch: int) -> None:
        self._memory = memory
        self._words = words
        self._is_still = camera.mode is DecodeMode.STILL
        """Stills lie too far apart for a motion gate: each of them is worth an analysis."""
        self._index = index
        self._number = 1
        """Of the next frame."""
        self._epoch = epoch
        self._generation = -1
        self._quiet_since: Instant | None = None
        self._shape: tuple[int, ...] | None = None
        """Of the newest picture."""
        self._room: Pixels | None = None
        """Where the source may make the next one: in the next frame's slot, until that is published."""
        self.gate = MotionGate()

    def room(self) -> Pixels | None:
        if self._shape is None or self._shape[0] * self._shape[1] > PIXELS_MAX:
            return None
        if self._room is None or self._room.shape != self._shape:
            self._take_slot()
            self._room = self._slot(self._shape[0], self._shape[1])
        return self._room

    def put(self, shot: Shot) -> bool:
        if shot.generation != self._generation:
            if self._generation >= 0:
                self.gate.reconnected()
            self._generation, self._quiet_since = shot.generation, None
        self._shape = shot.pixels.shape
        motion = STILL if self._is_still else self.gate.look(shot.pixels)
        if motion.state is GateState.STORM or not self._worth_publishing(motion, shot.now):
            return False
        self._publish(shot, motion)
        return motion.calls

    def _worth_publishing(self, motion: Motion, now: Instant) -> bool:
        if motion.calls:
            self._quiet_since = None
            return True
        if self._quiet_since is not None and now.seconds_since(self._quiet_since) < QUIET_PERIOD_S:
            return False
        self._quiet_since = now
        return True

    def _publish(self, shot: Shot, motion: Motion) -> None:
        self._take_slot()
        height, width = fitted(shot.pixels)
        if shot.pixels is not self._room:
            _scale_into(shot.pixels, self._slot(height, width))
        self._room = None
        self._describe(shot, motion, height=height, width=width)
        fence()
        self._words[self._place.sequence] = 2 * self._number
        fence()
        self._words[PUBLISHED_WORD + self._index] = self._number
        self._number += 1

    @property
    def _place(self) -> Place:
        """Of the next frame."""
        return place_of(self._index, self._number)

    def _take_slot(self) -> None:
        """From now on readers see nothing whole in the next frame's slot."""
        self._words[self._place.sequence] = 2 * self._number - 1
        fence()

    def _slot(self, height: int, width: int) -> Pixels:
        """The pixels of the next frame's slot."""
        return np.frombuffer(self._memory, np.uint8, height * width * 3, self._place.pixels).reshape(height, width, 3)

    def _describe(self, shot: Shot, motion: Motion, *, height: int, width: int) -> None:
        described = Description(
            # Unlike over restarts of the process: a reader compares generations only for being equal.
            generation=self._epoch + shot.generation,
            taken_us=shot.now.us,
            wall_us=shot.wall_us,
            width=width,
            height=height,
            state=STATES.index(motion.state),
            boxes=len(motion.boxes),
            share=motion.share,
        )
        DESCRIPTION.pack_into(self._memory, self._place.description, *described)
        if described.boxes:
            boxes = np.frombuffer(self._memory, np.float32, 4 * described.boxes, self._place.boxes).reshape(-1, 4)
            np.multiply(motion.boxes, np.array([width / shot.pixels.shape[1], height / shot.pixels.shape[0]] * 2, np.float32), out=boxes)


def fitted(pixels: Pixels) -> tuple[int, int]:
    """Height and width of `pixels` once it fits a slot: unchanged, or smaller with the same aspect."""
    height, width = pixels.shape[:2]
    if height * width <= PIXELS_MAX:
        return height, width
    factor = math.sqrt(PIXELS_MAX / (height * width))
    lower = max(1, int(height * factor))
    return lower, min(max(1, int(width * factor)), PIXELS_MAX // lower)


def _scale_into(pixels: Pixels, target: Pixels) -> None:
    if pixels.shape == target.shape:
        target[:] = pixels
    else:
        cv2.resize(pixels, (target.shape[1], target.shape[0]), dst=target, interpolation=cv2.INTER_LINEAR)

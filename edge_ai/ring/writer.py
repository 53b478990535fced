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
from numpy.typing import NDArray

from edge_ai.capture.gate import GateState, Motion, MotionGate
from edge_ai.picture import Pixels, Shot
from edge_ai.ring.layout import HEAD, MAGIC, PIXELS_MAX, SLOT, STATES, fence, place_of, reserve, ring_bytes
from edge_ai.spec import CameraSpec, DecodeMode
from sync.model import Instant

QUIET_PERIOD_S = 1.0
"""Seconds between frames that are published of a picture in which nothing moves: enough for a heartbeat, and copying costs CPU."""
STILL = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 1.0)
"""What is said of a still: worth an analysis, and nothing known of what moves."""


class RingWriter:
    """The frames of up to 8 cameras; raises RingError when there is no room for them."""

    def __init__(self, path: Path, cameras: Sequence[CameraSpec], now: Instant) -> None:
        part = path.with_suffix(".part")
        self._path = path
        memory = reserve(part, ring_bytes(len(cameras)))
        head = np.frombuffer(memory, HEAD, 1)
        head["magic"], head["cameras"] = MAGIC, len(cameras)
        part.rename(path)
        self._writers = {
            camera.id: _CameraWriter(memory, head["published"][0], camera, index=index, epoch=now.us)
            for index, camera in enumerate(cameras)
        }

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

    def __init__(self, memory: mmap.mmap, published: NDArray[np.uint64], camera: CameraSpec, *, index: int, epoch: int) -> None:
        self._memory = memory
        self._published = published
        self._is_still = camera.mode is DecodeMode.STILL
        """Stills lie too far apart for a motion gate: each of them is worth an analysis."""
        self._index = index
        self._epoch = epoch
        self._generation = -1
        self._quiet_since: Instant | None = None
        self.gate = MotionGate()

    def put(self, shot: Shot) -> bool:
        if shot.generation != self._generation:
            if self._generation >= 0:
                self.gate.reconnected()
            self._generation, self._quiet_since = shot.generation, None
        motion = STILL if self._is_still else self.gate.look(shot.pixels)
        if motion.state is GateState.STORM or not self._worth_copying(motion, shot.now):
            return False
        self._publish(shot, motion)
        return motion.calls

    def _worth_copying(self, motion: Motion, now: Instant) -> bool:
        if motion.calls:
            self._quiet_since = None
            return True
        if self._quiet_since is not None and now.seconds_since(self._quiet_since) < QUIET_PERIOD_S:
            return False
        self._quiet_since = now
        return True

    def _publish(self, shot: Shot, motion: Motion) -> None:
        number = int(self._published[self._index]) + 1
        place = place_of(self._index, number)
        header = np.frombuffer(self._memory, SLOT, 1, place.header)
        header["sequence"] = 2 * number - 1
        fence()
        height, width = fitted(shot.pixels)
        target = np.frombuffer(self._memory, np.uint8, height * width * 3, place.pixels).reshape(height, width, 3)
        _scale_into(shot.pixels, target)
        self._describe(header, shot, motion, (width, height))
        fence()
        header["sequence"] = 2 * number
        fence()
        self._published[self._index] = number

    def _describe(self, header: NDArray[np.void], shot: Shot, motion: Motion, size: tuple[int, int]) -> None:
        # Unlike over restarts of the process: a reader compares generations only for being equal.
        header["generation"] = self._epoch + shot.generation
        header["taken_us"], header["wall_us"] = shot.now.us, shot.wall_us
        header["width"], header["height"] = size
        header["state"], header["share"], header["boxes_count"] = STATES.index(motion.state), motion.share, len(motion.boxes)
        factor = np.array([size[0] / shot.pixels.shape[1], size[1] / shot.pixels.shape[0]] * 2, np.float32)
        header["boxes"][0][: len(motion.boxes)] = motion.boxes * factor


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

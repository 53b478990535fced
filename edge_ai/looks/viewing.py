"""Pictures for somebody who looks at a camera: the newest analysed one, masked as evidence is, with who looks burnt in.

Owns the thread that makes them, so that the analysis never waits for one, and which cameras count as watched. Nothing is made and no thread
runs until somebody asks. Refuses more questions than it can answer soon. Called by edge_ai/analysis/worker.py.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import cv2
import numpy as np

from edge_ai.errors import EvidenceError
from edge_ai.evidence.recent import Masked
from edge_ai.evidence.watermark import watermarked
from edge_ai.picture import Pixels
from edge_ai.wire.views import VIEW_BYTES_MAX, ViewMessage, ViewOrder, ViewRow
from sync.model import Instant

WATCHED_S = 5.0
"""Seconds after a question for which a camera counts as watched: its pictures are analysed although nothing moves."""
WAITING_MAX = 8
"""Pictures being made or waiting for it."""
QUALITY = 75
"""Of a picture that is replaced half a second later."""
SHRINK = 0.75
SHRINKS_MAX = 8
SAME, NO_PICTURE, NOT_ANALYSED, BUSY, NOT_CODED = "same", "no-picture", "not-analysed", "busy", "not-coded"


class Shows(Protocol):
    """A camera's pipeline as this module needs it."""

    def newest(self) -> tuple[int, Masked] | None:
        """When the newest picture was taken and what masks it; None before the first one."""
        ...


class Views:
    """The questions of those who look. Only `watches`, `ask` and `made` of the analysis loop touch it; `ring` wakes that loop."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._making: list[Future[ViewMessage]] = []
        self._maker: ThreadPoolExecutor | None = None
        self._watched_until: dict[str, Instant] = {}
        self._refused: list[ViewMessage] = []

    def watches(self, camera: str, now: Instant) -> bool:
        """True while somebody looks at the camera."""
        until = self._watched_until.get(camera)
        return until is not None and now < until

    def ask(self, order: ViewOrder, now: Instant, camera: Shows | None) -> None:
        """Begin to make the picture that is asked for, or note why there is none; `camera` is None where it is not analysed."""
        found = None if camera is None else camera.newest()
        if camera is not None:
            self._watched_until[order.camera] = now.plus(WATCHED_S)
        if found is None:
            self._refuse(order, NOT_ANALYSED if camera is None else NO_PICTURE)
        elif found[0] == order.known_us:
            self._refuse(order, SAME)
        elif len(self._making) >= WAITING_MAX:
            self._refuse(order, BUSY)
        else:
            self._begin(order, *found)

    def made(self) -> list[ViewMessage]:
        """The answers that are ready."""
        ready, self._refused = self._refused, []
        for each in [each for each in self._making if each.done()]:
            self._making.remove(each)
            ready.append(each.result())
        return ready

    def close(self) -> None:
        """Make no more."""
        if self._maker is not None:
            self._maker.shutdown(wait=False, cancel_futures=True)

    def _refuse(self, order: ViewOrder, why: str) -> None:
        self._refused.append(_without(order, why))

    def _begin(self, order: ViewOrder, taken_us: int, masked: Masked) -> None:
        if self._maker is None:
            self._maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="view")
        making = self._maker.submit(_made, order, taken_us, masked)
        making.add_done_callback(lambda _: self._ring())
        self._making.append(making)


def view_jpeg(pixels: Pixels, text: str) -> bytes:
    """`pixels` with `text` burnt in, as JPEG of at most VIEW_BYTES_MAX, made smaller until it fits. Raises EvidenceError."""
    picture = pixels
    for _ in range(SHRINKS_MAX):
        made, coded = cv2.imencode(".jpg", watermarked(picture, text), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if made and coded.nbytes <= VIEW_BYTES_MAX:
            return coded.tobytes()
        picture = np.asarray(cv2.resize(picture, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_AREA), np.uint8)
    raise EvidenceError(f"no jpeg of at most {VIEW_BYTES_MAX} bytes from a picture of {pixels.shape[1]}x{pixels.shape[0]}")


def _made(order: ViewOrder, taken_us: int, masked: Masked) -> ViewMessage:
    try:
        pixels, masking = masked()
        jpeg = view_jpeg(pixels, order.text)
    except (EvidenceError, cv2.error):
        return _without(order, NOT_CODED)
    return ViewMessage(ViewRow(camera=order.camera, number=order.number, time_us=taken_us, masking=masking.value), jpeg)


def _without(order: ViewOrder, why: str) -> ViewMessage:
    return ViewMessage(ViewRow(camera=order.camera, number=order.number, missing=why))

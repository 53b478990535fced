"""Simulated cameras in a thread of their own, and small streams for them to play."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_ai.picture import Pixels
from edge_ai.sources.opening import open_source
from edge_ai.sources.port import FrameSource
from edge_ai.sources.rtsp.codec import Codec
from edge_ai.spec import CameraKind, CameraSpec, DecodeMode
from simulations.devices.rtsp_camera import CameraFault, CameraOptions, SimulatedCamera
from simulations.devices.rtsp_clip import Clip, clip_of_stream

STREAMS = Path(__file__).parent / "streams"
FAST = 400.0
"""Pictures a second in tests."""


def stream(name: str) -> Clip:
    codec = Codec.H265 if name.endswith("h265") else Codec.H264
    return clip_of_stream((STREAMS / name).read_bytes(), codec, 10.0)


def camera_spec(source: str = "rtsp://127.0.0.1:9/x", **changes: Any) -> CameraSpec:
    values: dict[str, Any] = {"id": "c", "kind": CameraKind.RTSP, "source": source, "algorithm": "motion-object", "analysed_fps": 60}
    return CameraSpec(**(values | changes))


@contextmanager
def playing(*clips: Clip, **options: Any) -> Iterator[SimulatedCamera]:
    """A simulated camera that plays; its loop is in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    camera = SimulatedCamera(CameraOptions(clips=clips, **({"fps": FAST} | options)))
    try:
        asyncio.run_coroutine_threadsafe(camera.start(), loop).result(10)
        yield camera
    finally:
        asyncio.run_coroutine_threadsafe(camera.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def watched(*clips: Clip, mode: DecodeMode = DecodeMode.FULL, fault: CameraFault | None = None, **options: Any) -> Iterator[FrameSource]:
    """An open source of a simulated camera that plays."""
    faults = frozenset({fault} if fault is not None else ())
    with playing(*clips, faults=faults, **options) as camera, opened(camera_spec(camera.url, mode=mode)) as source:
        yield source


@contextmanager
def opened(spec: CameraSpec) -> Iterator[FrameSource]:
    source = open_source(spec)
    try:
        yield source
    finally:
        source.close()


def wait_until(holds: Callable[[], bool]) -> None:
    """Give the camera's thread time to see what has happened."""
    pause = threading.Event()
    for _ in range(500):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen within 5 s")


def take(source: FrameSource, count: int) -> list[Pixels]:
    """The next `count` pictures."""
    pictures = [source.read() for _ in range(count)]
    assert all(picture is not None for picture in pictures)
    return [picture for picture in pictures if picture is not None]


def marks(pictures: list[Pixels]) -> list[bytes]:
    """What tells pictures apart."""
    return [picture.tobytes() for picture in pictures]

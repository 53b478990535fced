"""The street of the soak: simulated cameras in a process of their own, sound ones and ones with each fault, until stdin ends.

Prints one JSON line with their addresses, then answers lines: `on` (they listen), `off` (a power cut, nobody is told), `counts` (one JSON
line). Started by camera_soak.py.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from edge_ai.sources.rtsp.codec import Codec
from simulations.devices.rtsp_camera import CameraFault, CameraOptions, SimulatedCamera
from simulations.devices.rtsp_clip import Clip, clip_of_stream

STREAMS = Path(__file__).parents[1] / "tests" / "edge_ai" / "sources" / "streams"
SOUND_FPS, FAULTY_FPS = 20.0, 15.0
SOUND, FLAPPING, STALLING = 12, 16, 4
OTHERS = (CameraFault.LOSS, CameraFault.CORRUPT, CameraFault.RESIZE, CameraFault.RESIZE, CameraFault.JUMP)
"""Faults after which a camera goes on without a new connection; one camera each."""
BREAKS_AFTER_S, CHANGES_AFTER_S = 2.0, 5.0


def cast(count: int | None = None) -> list[CameraOptions]:
    """All cameras of the street in an order that mixes kinds, or the first `count` of it."""
    clips = [_clip(name) for name in ("small.h264", "small.h265", "bframes.h264", "other.h264")]
    kinds = [list(kind) for kind in (_sound(clips), _flapping(clips), _others(clips), _stalling(clips))]
    mixed = [(place / len(kind), options) for kind in kinds for place, options in enumerate(kind)]
    return [options for _, options in sorted(mixed, key=lambda entry: entry[0])][:count]


def _sound(clips: list[Clip]) -> Iterator[CameraOptions]:
    for index in range(SOUND):
        yield CameraOptions(clips=(clips[index % len(clips)],), fps=SOUND_FPS, seed=index)


def _flapping(clips: list[Clip]) -> Iterator[CameraOptions]:
    for index in range(FLAPPING):
        faults = frozenset({CameraFault.FLAP, (CameraFault.CORRUPT, CameraFault.LOSS, CameraFault.FLAP)[index % 3]})
        yield CameraOptions(clips=(clips[index % 4],), faults=faults, after_s=BREAKS_AFTER_S, fps=FAULTY_FPS, seed=100 + index)


def _stalling(clips: list[Clip]) -> Iterator[CameraOptions]:
    for index in range(STALLING):
        faults = frozenset({CameraFault.STALL})
        yield CameraOptions(clips=(clips[index],), faults=faults, after_s=BREAKS_AFTER_S, fps=FAULTY_FPS, seed=200 + index)


def _others(clips: list[Clip]) -> Iterator[CameraOptions]:
    for index, fault in enumerate(OTHERS):
        # Two sizes of one codec: what a camera announces when it is opened holds for the whole session.
        pair, faults = (clips[0], clips[3]), frozenset({fault})
        yield CameraOptions(clips=pair, faults=faults, after_s=CHANGES_AFTER_S, fps=FAULTY_FPS, seed=300 + index)


def _clip(name: str) -> Clip:
    return clip_of_stream((STREAMS / name).read_bytes(), Codec.H265 if name.endswith("h265") else Codec.H264, FAULTY_FPS)


async def _serve(cameras: list[SimulatedCamera]) -> None:
    for camera in cameras:
        await camera.start()
    _say([camera.url for camera in cameras])
    while order := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if order == "off":
            await asyncio.gather(*(camera.close() for camera in cameras))
        elif order == "on":
            for camera in cameras:
                await camera.start(camera.port)
        _say({"connections": sum(camera.counts.connections for camera in cameras), "plays": sum(camera.counts.plays for camera in cameras)})
    await asyncio.gather(*(camera.close() for camera in cameras))


def _say(facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve([SimulatedCamera(options) for options in cast(int(sys.argv[1]) if len(sys.argv) > 1 else None)]))

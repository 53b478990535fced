"""A throw-away process that opens one camera, looks for a moment and leaves a still: what `yunnao camera test` and `zone` run.

Owns nothing that lives on: the description of the camera, which may hold a password, comes on standard input, the findings go to standard
output as one JSON object. Refuses nothing by itself; what does not open is an object with `why`. A camera that hangs hangs this process,
which whoever started it kills. Run by node/cameras/looking.py as `python -m edge_ai.looks.probe`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_ai.clock import Clock, SystemClock
from edge_ai.errors import EdgeError, SourceError, SpecError
from edge_ai.evidence.handing import write_whole
from edge_ai.looks.drawing import drawn
from edge_ai.looks.values import Finding, Look
from edge_ai.picture import Pixels
from edge_ai.reasons import reason, system_reason
from edge_ai.sources.opening import open_source
from edge_ai.sources.port import FrameSource

JPEG_QUALITY = 90
FRAMES_MAX = 1_000
"""Frames that one look reads at most."""
DARK_MAX = 4.0
"""Mean brightness, 0-255, at or below which a picture counts as dark: the first frames of many cameras are."""
WARM_UP_FRAMES = 10


def look(asked: Look, clock: Clock) -> Finding:
    """Open the camera, read for a moment, write the still. Raises EdgeError."""
    began = clock.now()
    source = open_source(asked.camera)
    try:
        opened_ms = clock.now().seconds_since(began) * 1_000
        pixels, frames, took_s = _read(source, asked.seconds, clock)
        height, width = pixels.shape[:2]
        paced = frames / took_s if not asked.camera.kind.is_clip and took_s > 0 else source.fps
        _write(asked.still, pixels)
        _write(asked.marked, drawn(pixels, asked.shapes, has_grid=asked.has_grid) if asked.marked else pixels)
        codec = str(getattr(source, "codec", ""))
        return Finding(codec=codec, width=width, height=height, fps=round(paced, 2), frames=frames, opened_ms=round(opened_ms))
    finally:
        source.close()


def _read(source: FrameSource, seconds: float, clock: Clock) -> tuple[Pixels, int, float]:
    """The last picture, how many were read and in how long; a source that shows one and ends is good enough."""
    pixels = source.read()
    if pixels is None:
        ending = source.ending()
        raise SourceError(reason("shows-nothing") if ending is None else reason("shows-nothing-why", what=ending))
    began, frames = clock.now(), 0
    while frames < FRAMES_MAX and (took_s := clock.now().seconds_since(began)) < seconds:
        if frames >= WARM_UP_FRAMES and _is_lit(pixels) and took_s >= seconds / 2:
            break
        newer = source.read()
        if newer is None:
            break
        pixels, frames = newer, frames + 1
    return pixels, max(1, frames), clock.now().seconds_since(began)


def _is_lit(pixels: Pixels) -> bool:
    return float(pixels[::8, ::8].mean()) > DARK_MAX


def _write(path: str, pixels: Pixels) -> None:
    if not path:
        return
    done, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise SourceError(reason("still-not-coded", width=pixels.shape[1], height=pixels.shape[0]))
    try:
        # Not masked: for whoever asked alone, whatever their umask says.
        write_whole(Path(path), np.asarray(jpeg).tobytes())
    except OSError as error:
        raise SourceError(reason("file-unwritable", file=path, what=system_reason(error))) from error


def main() -> int:
    """Look as standard input says; the exit code is 0 whenever there is a finding."""
    try:
        asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Look)
    except msgspec.MsgspecError as error:
        sys.stdout.write(msgspec.json.encode(Finding(why=str(SpecError(f"what to look at was refused: {error}")))).decode())
        return 0
    cv2.setNumThreads(1)
    try:
        found = look(asked, SystemClock())
    except EdgeError as error:
        found = Finding(why=error.told)
    sys.stdout.write(msgspec.json.encode(found).decode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

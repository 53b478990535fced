"""`open_source`: the one way to pictures, whatever the kind of camera. Errors name the camera and never a password.

Called by edge_ai/capture/camera.py, tests and benchmarks.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from edge_ai.clock import Clock, SystemClock
from edge_ai.errors import SourceError
from edge_ai.reasons import reason
from edge_ai.sources.files import open_clip
from edge_ai.sources.live import LiveSource
from edge_ai.sources.port import FrameSource
from edge_ai.sources.rtsp.address import read_address
from edge_ai.sources.rtsp.client import RtspClient
from edge_ai.sources.v4l2 import open_usb
from edge_ai.spec import CameraKind, CameraSpec

_SEED = 0


def open_source(camera: CameraSpec, clock: Clock | None = None, rng: Random | None = None) -> FrameSource:
    """Open what `camera` names; raises SourceError with the way out.

    `rng` makes the client's own part of a login's proof. Without it that part is always the same, which is enough for a trial.
    """
    try:
        return _open(camera, clock or SystemClock(), rng or Random(_SEED))  # noqa: S311 - no key: the camera's nonce makes proofs differ
    except SourceError as error:
        raise SourceError(reason("of-camera", camera=camera.id, what=error)) from error


def _open(camera: CameraSpec, clock: Clock, rng: Random) -> FrameSource:
    if camera.kind.is_clip:
        return open_clip(Path(camera.source))
    if camera.kind is CameraKind.V4L2:
        return open_usb(camera.source)
    return _open_rtsp(camera, clock, rng)


def _open_rtsp(camera: CameraSpec, clock: Clock, rng: Random) -> LiveSource:
    address, credentials = read_address(camera.source)
    client = RtspClient(address, credentials, clock, rng)
    try:
        return LiveSource(client, client.open(), camera.mode, clock)
    except SourceError as error:
        raise SourceError(reason("at-address", address=address.shown, what=error)) from error

"""What a look at one camera is asked with, and what it found: values with a JSON form. Imports neither cv2 nor onnxruntime.

Called by edge_ai/looks/probe.py and node/cameras/looking.py.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge_ai.spec import CameraSpec

SHAPES_MAX = 64
SECONDS_MAX = 30.0
GRID_COLUMNS, GRID_ROWS = 16, 9
"""Cells of the grid: letters A to P from left to right, numbers 1 to 9 from top to bottom; square on a 16:9 picture."""

Share = Annotated[float, Meta(ge=0, le=1)]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A polygon or a line to draw, corners as shares of the picture's width and height."""

    name: Annotated[str, Meta(max_length=64)]
    points: Annotated[tuple[tuple[Share, Share], ...], Meta(min_length=2, max_length=64)]
    is_line: bool = False


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a camera."""

    camera: CameraSpec
    seconds: Annotated[float, Meta(gt=0, le=SECONDS_MAX)] = 2.0
    """How long pictures are read at most."""
    still: str = ""
    """Path of the JPEG to write; empty: none."""
    marked: str = ""
    """Path of a second JPEG with shapes and grid drawn on it; empty: none."""
    shapes: Annotated[tuple[Shape, ...], Meta(max_length=SHAPES_MAX)] = ()
    has_grid: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found."""

    why: str = ""
    """Why nothing was seen; empty when something was."""
    codec: str = ""
    """As the decoder names it; empty when it does not."""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    """Frames per second that came; of a file, that it claims."""
    frames: int = 0
    opened_ms: int = 0

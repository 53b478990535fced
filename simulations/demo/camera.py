"""The demo's one camera: the rendered street with its own net, or a video of the newcomer's with moving objects and no weights."""

from __future__ import annotations

from pathlib import Path

from node.config.config import quote
from simulations.devices.street_clip import write_street_clip

CLIP_NAME = "street.avi"
CLIP_SEED = 20260
CLIP_S = 40.0
CLIP_FPS = 10.0

_CAMERA = """
[[camera]]
id = "plaza-1"
name = "五四广场路口"
kind = {kind}
source = {source}
algorithm = {algorithm}
loop = true
analysed_fps = 5.0
place = "五四广场路口"
{rules}"""

_STREET_RULES = """
[[camera.rule]]
name = "lane"
kind = "line"
points = [[0.5, 0.76], [0.5, 0.95]]
frames_min = 2

[[camera.rule]]
name = "crossing"
kind = "zone"
points = [[0.3, 0.45], [0.7, 0.45], [0.7, 0.9], [0.3, 0.9]]
classes = ["person"]
"""
"""The nearest lane alone, so that an event comes every few seconds and not every second."""

_VIDEO_RULES = """
[[camera.rule]]
name = "upright"
kind = "line"
points = [[0.5, 0.0], [0.5, 1.0]]
frames_min = 2

[[camera.rule]]
name = "level"
kind = "line"
points = [[0.0, 0.6], [1.0, 0.6]]
frames_min = 2

[[camera.rule]]
name = "middle"
kind = "zone"
points = [[0.2, 0.2], [0.8, 0.2], [0.8, 1.0], [0.2, 1.0]]
"""
"""For a video nobody has seen before: whatever moves through the middle of the picture."""


def camera_section(clip: Path, video: Path | None) -> str:
    """The camera in node.toml; `video` takes the place of the rendered clip."""
    if video is None:
        return _CAMERA.format(kind='"rendered"', source=quote(str(clip)), algorithm='"street-s"', rules=_STREET_RULES)
    return _CAMERA.format(kind='"file"', source=quote(str(video)), algorithm='"motion-object"', rules=_VIDEO_RULES)


def render_clip(path: Path) -> None:
    """Write the clip unless it is there; takes about two seconds, so call it off the event loop."""
    if path.exists():
        return
    half = path.with_name(f"half-{path.name}")
    write_street_clip(half, seed=CLIP_SEED, seconds=CLIP_S, fps=CLIP_FPS)
    half.replace(path)

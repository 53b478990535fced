"""A configured camera as its processes are told of it. Called by listing.py."""

from __future__ import annotations

from edge_ai.spec import CameraKind, CameraSpec, DecodeMode, MaskWish
from node.cameras.rule_entries import ground_spec, rule_spec
from node.config.model import CameraEntry


def camera_spec(entry: CameraEntry, territory: str) -> CameraSpec:
    """The worker's description of a configured camera; `territory` is the node's, for cameras that name none. Raises SpecError."""
    return CameraSpec(
        id=entry.id,
        name=entry.name,
        kind=CameraKind(entry.kind),
        source=entry.source,
        algorithm=entry.algorithm,
        model=entry.model,
        loop=entry.loop,
        analysed_fps=entry.analysed_fps,
        mode=DecodeMode(entry.mode),
        still_every_s=entry.still_every_s,
        alarm=entry.alarm,
        stream_width=entry.stream_width,
        stream_height=entry.stream_height,
        stream_fps=entry.stream_fps,
        territory=entry.territory or territory,
        code=entry.code,
        mask=MaskWish(entry.mask),
        rules=tuple(rule_spec(rule) for rule in entry.rule),
        ground=ground_spec(entry.ground),
        utc_offset_minutes=entry.utc_offset_minutes,
    )

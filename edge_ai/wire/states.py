"""How a camera, its analysis and its model do, and what the node tells of them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_ai.wire.words import Text, Why

LATENCY_STEPS = 56
"""Steps in which the times of a model are counted (edge_ai/models/usage.py)."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Step = Annotated[int, msgspec.Meta(ge=0, lt=LATENCY_STEPS)]


class StateRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a camera does, each second."""

    camera: Text
    state: Text
    since_us: int
    fps: float
    frames: int
    dropped: int
    """Frames that newer ones replaced before they were analysed, and events the full outbox refused."""
    retry_in_s: float | None
    why: Why
    storms: int = 0
    """Changes of the whole picture at once: lights, rain in the lamp, a camera that was turned."""
    reconnects_per_hour: int = 0
    stalls: int = 0
    damaged: int = 0
    """Pictures left out because they, or what they build on, did not arrive whole."""


class AnalysisRow(msgspec.Struct, frozen=True, kw_only=True):
    """How the analysis of a camera does, each second, from the process that analyses."""

    camera: Text
    analysed: int
    """Frames that came out of the detector."""
    lost: int
    """Frames worth an analysis that got none: newer ones came, they were too old, overwritten, or in a process that died."""
    age_ms: float
    """Age of a frame when its analysis ended, 95 % of the newest ones are younger."""
    refused: bool
    """True: the camera cannot be analysed as configured, `why` says why."""
    why: Why
    model: Text = ""
    """Algorithm and version that run, and what is on trial, in a few words."""


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a model did for a camera since the process told it last, each minute and at the end of the process."""

    camera: Text
    algorithm: Text
    version: Text
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Of the model; of the manifest where there is none."""
    frames: Count
    detections: Count
    failures: Count
    """Pictures that it could not look at."""
    steps: Annotated[tuple[tuple[Step, Count], ...], msgspec.Meta(max_length=LATENCY_STEPS)] = ()
    """Pictures by the step that their milliseconds fall into."""


class Refusal(msgspec.Struct, frozen=True):
    """The node tells a capture process not to read a camera, because nobody can analyse it."""

    camera: Text
    why: Why


class Opens(msgspec.Struct, frozen=True):
    """How many cameras a capture process may open in a second from now on: its part of what the node may."""

    per_s: Annotated[float, msgspec.Meta(gt=0)]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """The newest value of a device that a rule's condition asks for, from the node to the processes that analyse."""

    device: Text
    metric: Text
    value: float
    age_s: Annotated[float, msgspec.Meta(ge=0)]

"""What throw-away processes tell about a model, as plain values with a JSON form. Imports nothing heavy."""

from __future__ import annotations

import msgspec


class GraphFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A model after it was normalised."""

    opset: int
    ir: int
    """Version of the file format."""
    producer: str
    nodes: int
    operators: tuple[str, ...]
    weights_taken_out: int
    """Weights that were listed as inputs."""
    input: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]


class Seen(msgspec.Struct, frozen=True, kw_only=True, rename={"label": "class"}):
    """One box in a golden picture."""

    label: str
    score: float
    box: tuple[float, float, float, float]
    """Corners in shares of the picture's width and height."""


class GoldenFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a model over golden pictures."""

    pictures: dict[str, tuple[Seen, ...]]
    """What was seen, by name of the picture."""
    run_ms: float
    """Median time of the net for one picture on one thread."""
    whole_ms: float
    """Median time with scaling and decoding."""
    memory_mib: float
    """What the process grew by."""

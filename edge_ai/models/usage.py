"""How often each model looked, how long it took and what it found, counted where the answers come out. Pure.

Owns the steps in which milliseconds are counted: each is 19 % above the one before, so counts of any number of cameras, days and nodes add
up, and a quantile of the sum is right to 9 %. Called by the analysis process; node/algorithms adds up what processes tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2

from edge_ai.algorithm import Algorithm
from edge_ai.wire.states import LATENCY_STEPS, UsageRow
from sync.model import Instant

TELL_EVERY_S = 60.0
FIRST_MS = 0.25
"""The first step ends here."""
STEPS_PER_DOUBLING = 4


def step_of(milliseconds: float) -> int:
    """The step that a time belongs to; the last one takes everything longer, over 3 s."""
    if milliseconds <= FIRST_MS:
        return 0
    return min(LATENCY_STEPS - 1, int(STEPS_PER_DOUBLING * log2(milliseconds / FIRST_MS)) + 1)


def quantile_ms(counts: Mapping[int, int], share: float) -> float:
    """The time below which `share` of the counted ones lie, from the middle of its step; 0 without any."""
    wanted = share * sum(counts.values())
    reached = 0
    for step in sorted(counts):
        reached += counts[step]
        if reached >= wanted and reached:
            return float(round(FIRST_MS * 2 ** ((step - 0.5) / STEPS_PER_DOUBLING), 2))
    return 0.0


@dataclass(slots=True)
class _Used:
    """What one model did for one camera since the node was told last."""

    algorithm: Algorithm
    frames: int = 0
    detections: int = 0
    failures: int = 0
    steps: Counter[int] = field(default_factory=Counter)


class UsageCounter:
    """The models of one process."""

    def __init__(self, now: Instant) -> None:
        self._used: dict[tuple[str, str], _Used] = {}
        self._due = now.plus(TELL_EVERY_S)

    def add(self, camera: str, algorithm: Algorithm, detections: int | None, cost_s: float) -> None:
        """One picture; `detections` is None when the model failed on it."""
        used = self._used.get((camera, algorithm.sha256))
        if used is None:
            used = self._used[camera, algorithm.sha256] = _Used(algorithm)
        if detections is None:
            used.failures += 1
            return
        used.frames += 1
        used.detections += detections
        used.steps[step_of(1e3 * cost_s)] += 1

    def due(self, now: Instant) -> list[UsageRow]:
        """Once a minute what was counted since; empty otherwise."""
        if now < self._due:
            return []
        self._due = now.plus(TELL_EVERY_S)
        return self.rest()

    def rest(self) -> list[UsageRow]:
        """What was counted and not told; it is told by this."""
        used, self._used = self._used, {}
        return [_row(camera, one) for (camera, _), one in used.items()]


def _row(camera: str, used: _Used) -> UsageRow:
    manifest = used.algorithm.manifest
    return UsageRow(
        camera=camera,
        algorithm=manifest.id,
        version=manifest.version,
        sha256=used.algorithm.sha256,
        frames=used.frames,
        detections=used.detections,
        failures=used.failures,
        steps=tuple(sorted(used.steps.items())),
    )

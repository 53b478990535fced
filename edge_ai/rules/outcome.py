"""What rules say: beginnings and ends. Values only; called by every module of this folder and by edge_ai/analysis/pipeline.py."""

from __future__ import annotations

from dataclasses import dataclass

from edge_ai.tracking.tracker import Track


@dataclass(frozen=True, slots=True)
class Begun:
    """A rule's condition is confirmed."""

    rule: str
    place: str
    track: Track
    """The track that confirmed it; for what no thing does (absence, level) one with id 0 over the rule's place."""
    ends_at_once: bool
    """True for a crossing, which has no duration."""
    label: str = ""
    """What it is about where that is not the track's class: `absence`, `level`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The condition of an earlier Begun no longer holds."""

    rule: str
    place: str


RuleOutcome = Begun | Ended

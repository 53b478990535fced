"""Scripted tracks for rules: who stands where in which picture."""

from __future__ import annotations

from collections.abc import Sequence

from edge_ai.rules import Begun, Rule, RuleOutcome
from edge_ai.spec import RuleKind, RuleSpec
from edge_ai.tracking.tracker import Track
from sync.model import Instant

CLASSES = ("person", "vehicle", "bag")
SIZE = (100, 100)
SQUARE = ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))
STEP_S = 0.2

Frames = Sequence[Sequence[Track]]


def track(x: float, y: float, *, number: int = 1, label: int = 0, width: float = 10, height: float = 20) -> Track:
    """A thing whose foot is at (x, y) of a picture of 100 x 100."""
    return Track(number, label, 0.9, (x - width / 2, y - height, x + width / 2, y), hits=5)


def spec(kind: RuleKind, **changes: object) -> RuleSpec:
    """A rule over SQUARE that speaks after two pictures."""
    values: dict[str, object] = {"name": "r", "kind": kind, "points": SQUARE, "frames_min": 2, "cooldown_s": 0}
    return RuleSpec(**(values | changes))  # type: ignore[arg-type]


def rule(kind: RuleKind, **changes: object) -> Rule:
    """The rule of `spec`."""
    return Rule(spec(kind, **changes), CLASSES)


def play(played: Rule, frames: Frames, *, start: int = 0, alive: frozenset[int] | None = None, step_s: float = STEP_S) -> list[RuleOutcome]:
    """What the rule says of pictures `step_s` apart, the first at `start` steps."""
    outcomes: list[RuleOutcome] = []
    for index, tracks in enumerate(frames, start=start):
        ids = frozenset(one.id for one in tracks) if alive is None else alive
        outcomes += played.update(tracks, ids, SIZE, Instant(0).plus(index * step_s))
    return outcomes


def said(outcomes: Sequence[RuleOutcome]) -> list[str]:
    """`begun` and `ended` in order."""
    return [type(outcome).__name__.lower() for outcome in outcomes]


def places(outcomes: Sequence[RuleOutcome]) -> list[str]:
    """Where something began."""
    return [outcome.place for outcome in outcomes if isinstance(outcome, Begun)]

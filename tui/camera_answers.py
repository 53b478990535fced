"""The shapes of the local API's answers about cameras, their rules and the camera directory (docs/api.md).

The rules of `tui/answers.py` hold: unknown fields are ignored, missing ones neutral, texts hostile.
"""

from __future__ import annotations

from msgspec import Struct


class Camera(Struct, frozen=True):
    """A camera of the answering node, as its processes said last."""

    camera: str = ""
    name: str = ""
    algorithm: str = ""
    evidence_grade: str = ""
    """What the algorithm was proved on; empty: unknown."""
    scene: str = ""
    mode: str = ""
    state: str = ""
    since_us: int | None = None
    out_since_us: int | None = None
    """Since when it has not been live, whatever was tried since; None while it is."""
    fps: float | None = None
    frames: int | None = None
    analysed: int | None = None
    analysed_per_s: float | None = None
    asked_per_s: float | None = None
    """Pictures worth an analysis: those analysed, and those dropped."""
    dropped: int | None = None
    age_ms: float | None = None
    model: str = ""
    storms: int | None = None
    reconnects_per_hour: float | None = None
    stalls: int | None = None
    damaged: int | None = None
    retry_in_s: float | None = None
    why: str | None = None
    age_s: float | None = None
    last_event_us: int | None = None
    true_7d: int = 0
    false_7d: int = 0
    unjudged_7d: int = 0


class Suggestion(Struct, frozen=True):
    """One change of a rule that would have kept false alarms away."""

    key: str = ""
    now: str = ""
    then: str = ""
    """As TOML."""
    drops: int = 0
    of: int = 0


class RuleVerdict(Struct, frozen=True):
    """How often a rule was right."""

    camera: str = ""
    rule: str = ""
    true: int = 0
    false: int = 0
    unjudged: int = 0
    suggestions: list[Suggestion] = []

    @property
    def key(self) -> str:
        """Tells it apart."""
        return rule_key(self.camera, self.rule)


class RuleVerdicts(Struct, frozen=True):
    """Rules of the answering node's own cameras."""

    days: int = 7
    false_min: int = 0
    """False alarms from which on something is suggested."""
    rules: list[RuleVerdict] = []


class Point(Struct, frozen=True, rename={"origin": "_origin"}):
    """A camera of the directory."""

    code: str = ""
    name: str = ""
    state: str = ""
    state_since_us: int | None = None
    territory: str = ""
    owner: str = ""
    address: str = ""
    origin: str = ""


class Directory(Struct, frozen=True):
    """The camera directory as this node knows it."""

    points: list[Point] = []
    states: dict[str, int] = {}
    trouble: str = ""


def rule_key(camera: str, rule: str) -> str:
    """Names a rule of a camera; neither may hold a tab."""
    return f"{camera}\t{rule}"

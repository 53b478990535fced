"""When a new version of a model has proved itself, and when it must go back. Pure: counts in, a verdict out.

Two phases. In shadow both versions look at the same pictures and only the old one counts: the new one may switch when it finds about as
much and takes about as long. Then the new one is live and compared with what the old one did before, for ten minutes of pipeline time.
Bounds: EDGE_AI.md (c), "Hot swap". Called by edge_ai/models/hot.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from edge_ai.reasons import Reason, reason, told
from sync.model import Instant

SHADOW_FRAMES = 100
"""Pictures that both versions look at."""
WATCH_S = 600.0
"""Pipeline time for which a new version may still be taken back."""
JUDGED_FRAMES_MIN = 50
"""Pictures of a new live version before its rate and latency are judged."""
LATENCY_MAX = 1.5
"""Times the latency of the version before."""
LATENCY_SLACK_MS = 2.0
"""Below this difference latency is no reason: the clock and the machine vary by as much."""
RATE_LOW, RATE_HIGH = 0.2, 5.0
"""Detections per picture, by those of the version before."""
DETECTIONS_JUDGED_MIN = 20
"""Detections that the larger side must have for rates to be compared: an empty street proves nothing."""
ERRORS_MAX = 0
"""Pictures on which a new version may fail."""
FADING_FRAMES = 3_000
"""Ten minutes of five pictures a second."""
MEMORY_MAX = 200
"""Newest latencies that the median is taken of."""


class Verdict(Enum):
    """What to do with the new version."""

    WAIT = "wait"
    GO = "go"
    """Shadow: switch to it. Watch: it stays."""
    BACK = "back"


@dataclass(slots=True)
class Tally:
    """What one version did."""

    frames: int = 0
    detections: int = 0
    errors: int = 0
    _latencies_ms: list[float] = field(default_factory=list)

    def add(self, detections: int, latency_ms: float) -> None:
        """One picture and the processor time it took; what is long ago fades, because day and night differ."""
        if self.frames >= FADING_FRAMES:
            self.frames, self.detections = self.frames // 2, self.detections // 2
        self.frames += 1
        self.detections += detections
        self._latencies_ms.append(latency_ms)
        del self._latencies_ms[:-MEMORY_MAX]

    def failed(self) -> None:
        """One picture that it could not look at."""
        self.errors += 1

    @property
    def latency_ms(self) -> float:
        """Median of the newest; 0 before the first."""
        ordered = sorted(self._latencies_ms)
        return ordered[len(ordered) // 2] if ordered else 0.0

    @property
    def rate(self) -> float:
        """Detections per picture."""
        return self.detections / self.frames if self.frames else 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with its reason, which names the values, as it travels."""

    verdict: Verdict
    why: str = ""


class ShadowWatch:
    """The phase in which the new version only looks."""

    def __init__(self, frames: int = SHADOW_FRAMES) -> None:
        self._frames = frames
        self.old = Tally()
        self.new = Tally()

    def judge(self) -> Judged:
        """GO once enough pictures were compared and nothing speaks against it; BACK at the first error or at the end."""
        if self.new.errors > ERRORS_MAX:
            return Judged(Verdict.BACK, told(_failed("failed-in-shadow", self.new)))
        if self.new.frames < self._frames:
            return Judged(Verdict.WAIT)
        if why := _against(self.old, self.new):
            return Judged(Verdict.BACK, told(reason("in-shadow", what=why)))
        return Judged(Verdict.GO, told(_compared("did-in-shadow", self.old, self.new)))


class LiveWatch:
    """The phase in which the new version is live; `before` is what the last one that proved itself did."""

    def __init__(self, before: Tally, began: Instant, seconds: float = WATCH_S) -> None:
        self.before = before
        self._began = began
        self._seconds = seconds
        self.new = Tally()

    def judge(self, now: Instant) -> Judged:
        """BACK for errors at once, for rate and latency once enough pictures are judged; GO when the time is over."""
        if self.new.errors > ERRORS_MAX:
            return Judged(Verdict.BACK, told(_failed("failed-live", self.new)))
        if self.new.frames >= JUDGED_FRAMES_MIN and (why := _against(self.before, self.new)):
            return Judged(Verdict.BACK, told(why))
        if now.seconds_since(self._began) >= self._seconds and self.new.frames >= JUDGED_FRAMES_MIN:
            return Judged(Verdict.GO, told(_compared("did-live", self.before, self.new)))
        return Judged(Verdict.WAIT)


def _against(old: Tally, new: Tally) -> Reason | None:
    """What speaks against the new version, with the values; None when nothing does or nothing is known."""
    if old.frames < JUDGED_FRAMES_MIN:
        return None
    slower_ms = new.latency_ms - old.latency_ms
    if new.latency_ms > LATENCY_MAX * old.latency_ms and slower_ms > LATENCY_SLACK_MS:
        return reason("slower", new=f"{new.latency_ms:.1f}", old=f"{old.latency_ms:.1f}", times=f"{LATENCY_MAX:g}")
    if max(old.rate, new.rate) * min(old.frames, new.frames) < DETECTIONS_JUDGED_MIN:
        return None
    if not RATE_LOW * old.rate <= new.rate <= RATE_HIGH * old.rate:
        return reason("other-rate", new=f"{new.rate:.2f}", old=f"{old.rate:.2f}", low=f"{RATE_LOW:g}", high=f"{RATE_HIGH:g}")
    return None


def _failed(code: str, new: Tally) -> Reason:
    return reason(code, failed=new.errors, pictures=new.frames + new.errors)


def _compared(code: str, old: Tally, new: Tally) -> Reason:
    rates, took = (f"{new.rate:.2f}", f"{old.rate:.2f}"), (f"{new.latency_ms:.1f}", f"{old.latency_ms:.1f}")
    return reason(code, pictures=new.frames, new=rates[0], old=rates[1], new_ms=took[0], old_ms=took[1])

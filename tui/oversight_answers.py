"""The shapes of the local API's answers about oversight: returns, quality scores, the audit log (docs/api.md).

The rules of `tui/answers.py` hold: unknown fields are ignored, missing ones neutral, texts hostile.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct


class Came(Struct, frozen=True):
    """What came back about one territory, or what a child has acknowledged of it."""

    resource: str = ""
    territory: str = ""
    child: str = ""
    newest_us: int | None = None
    age_s: float | None = None
    period_s: float | None = None
    batches: int = 0
    receipts: int = 0
    state: str = ""


class Returns(Struct, frozen=True):
    """Returns to this node, and by this node to those below."""

    received: list[Came] = []
    given: list[Came] = []
    missing: list[str] = []
    fault: str = ""


class RuleScore(Struct, frozen=True):
    """Records judged by one rule."""

    judged: int = 0
    bad: int = 0
    unjudged: int = 0


class Score(Struct, frozen=True):
    """How good the records of one source are."""

    resource: str = ""
    origin: str = ""
    records: int = 0
    bad: int = 0
    good_share: float | None = None
    rules: dict[str, RuleScore] = {}
    tickets: int = 0
    open: int = 0
    disputed: int = 0
    disputes_upheld: int = 0
    wrong_corrections: int = 0
    correct_s: float | None = None

    @property
    def key(self) -> str:
        """Tells it apart."""
        return f"{self.resource}/{self.origin}"


class Scores(Struct, frozen=True):
    """By resource and source."""

    scores: list[Score] = []
    fault: str = ""


class LogEntry(Struct, frozen=True):
    """One entry of the audit log."""

    seq: int = 0
    at_us: int | None = None
    kind: str = ""
    subject: str = ""
    by: str = ""
    detail: dict[str, object] = {}
    hash: str = ""


class LogPage(Struct, frozen=True):
    """A page of the log, newest first; `next` is where the following page begins."""

    entries: list[LogEntry] = []
    next: int | None = None


class Finding(Struct, frozen=True):
    """One thing that does not hold."""

    fault: str = ""
    entry: int = 0
    text: str = ""


class LogVerdict(Struct, frozen=True):
    """Whether the log is what was written."""

    verdict: str = ""
    entries: int = 0
    first: int = 0
    last: int = 0
    hash: str = ""
    stamps: int = 0
    rows: int = 0
    open_rows: int = 0
    witnessed: int = 0
    witnesses: list[str] = []
    unheard: list[str] = msgspec.field(name="open", default_factory=list)
    findings: list[Finding] = []

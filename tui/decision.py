"""What a person can decide in the console, and how it is told to the node: any page's decision has this form, and one dialog asks for it.

Owns the distinction between done, refused and not known. Refuses to send anything by itself: `tui/app.py` does, once per press.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from textual.message import Message

from tui.client import ArgumentValue, ConsoleApi
from tui.errors import ApiProblem

DECISION_TIMEOUT_S = 30.0
"""A decision waits for the disk and a new bundle; after this it counts as unanswered."""
WHY_CHARACTERS_MAX = 2_000
BY_CHARACTERS_MAX = 200
"""What the node takes (docs/api.md)."""

REFUSALS = frozenset({"INVALID", "NOT_FOUND", "DENIED", "UNKNOWN_VERB", "NOT_READY"})
"""Codes with which a node says that it did nothing; after any other it may have."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about one thing, in words for the person who makes it; values of peers in the words are made safe already."""

    verb: str
    arguments: tuple[tuple[str, ArgumentValue], ...]
    """What the verb gets besides `by` and `why`."""
    title: str
    sentence: str
    """What will happen, and to whom."""
    affected: str
    """What it is about, listed; empty when the sentence names it."""
    button: str
    needs_why: bool
    hindrance: Callable[[], str]
    """Why it cannot be decided at this moment, as known from the node's newest answers; empty when it can."""
    answered: Callable[[Mapping[str, object]], str]
    """The node's answer in words; raises ApiProblem for one that is none."""
    typed: str = ""
    """What the person must type because the scope is wide; empty: nothing."""


class Result(Enum):
    """What became of a decision."""

    DONE = "done"
    REFUSED = "refused"
    """The node said no; nothing happened."""
    UNKNOWN = "unknown"
    """No answer: it may have happened."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the node said, in words."""

    result: Result
    words: str


class Ask(Message):
    """Open the dialog for a decision."""

    def __init__(self, decision: Decision) -> None:
        super().__init__()
        self.decision = decision


class Decided(Message):
    """A person pressed the button: tell the node."""

    def __init__(self, decision: Decision, *, by: str, why: str) -> None:
        super().__init__()
        self.decision = decision
        self.by = by
        self.why = why


async def carry_out(api: ConsoleApi, decision: Decision, *, by: str, why: str) -> Outcome:
    """Tell the node once, and say what it answered."""
    try:
        answer = await api.call(decision.verb, timeout_s=DECISION_TIMEOUT_S, **dict(decision.arguments), by=by, why=why)
        return Outcome(Result.DONE, decision.answered(answer))
    except ApiProblem as problem:
        result = Result.REFUSED if problem.code in REFUSALS else Result.UNKNOWN
        return Outcome(result, problem.message if result is Result.REFUSED else str(problem))

"""What a person can decide in the console, and how it is told to the node: any page's decision has this form, and one dialog asks for it.

Owns the distinction between done, refused and not known. Refuses to send anything by itself: `tui/app.py` does, once per press.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from textual.message import Message

from tui.client import ArgumentValue, ConsoleApi
from tui.errors import ApiProblem
from tui.words import Words

DECISION_TIMEOUT_S = 30.0
"""A decision waits for the disk and a new bundle; after this it counts as unanswered."""
WHY_CHARACTERS_MAX = 2_000
BY_CHARACTERS_MAX = 200
"""What the node takes (docs/api.md)."""

REFUSALS = frozenset({"INVALID", "NOT_FOUND", "DENIED", "UNKNOWN_VERB", "NOT_READY"})
"""Codes with which a node says that it did nothing; after any other it may have."""


@dataclass(frozen=True, slots=True)
class Blank:
    """Something besides reason and name that the dialog asks for; its label is the text `console.blank_<name>`."""

    name: str
    start: str = ""
    is_needed: bool = True


def _as_filled(filled: Mapping[str, str]) -> Mapping[str, ArgumentValue]:
    return {**filled}


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about one thing, in words for the person who makes it; values of peers in the words are made safe already."""

    verb: str
    arguments: tuple[tuple[str, ArgumentValue], ...]
    """What the verb gets besides `by`, `why` and what the blanks give."""
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
    blanks: tuple[Blank, ...] = ()
    takes_why: bool = True
    """False where the verb knows no reason."""
    told: Callable[[Mapping[str, str]], Mapping[str, ArgumentValue]] = _as_filled
    """What the verb gets from what was filled into the blanks; may read files, raises ApiProblem for what it cannot use."""
    timeout_s: float = DECISION_TIMEOUT_S
    """After which it counts as unanswered."""

    @property
    def is_long(self) -> bool:
        """True when nobody should have to wait before the dialog for it."""
        return self.timeout_s > DECISION_TIMEOUT_S


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


class Do(Message):
    """Tell the node at once, without a dialog: only what another key takes back."""

    def __init__(self, decision: Decision) -> None:
        super().__init__()
        self.decision = decision


class Decided(Message):
    """A person pressed the button: tell the node."""

    def __init__(self, decision: Decision, *, by: str, why: str, filled: Mapping[str, str]) -> None:
        super().__init__()
        self.decision = decision
        self.by = by
        self.why = why
        self.filled = filled


async def carry_out(api: ConsoleApi, decision: Decision, *, by: str, why: str, filled: Mapping[str, str]) -> Outcome:
    """Tell the node once, and say what it answered."""
    try:
        told = {**dict(decision.arguments), **await asyncio.to_thread(decision.told, filled), "by": by}
        if decision.takes_why:
            told["why"] = why
        answer = await api.call(decision.verb, timeout_s=decision.timeout_s, **told)
        return Outcome(Result.DONE, decision.answered(answer))
    except ApiProblem as problem:
        result = Result.REFUSED if problem.code in REFUSALS else Result.UNKNOWN
        return Outcome(result, problem.message if result is Result.REFUSED else str(problem))


def hindrance(words: Words, problem: ApiProblem | None, takes: Mapping[str, object] | None, name: str, *, state: str) -> str:
    """Why `name` cannot be said about a case whose newest answer `takes` what it takes; empty when it can."""
    if problem is not None:
        return words("decide_away", code=words.value(problem.code))
    if takes is None:
        return words("decide_waiting")
    return "" if name in takes else words("decide_moved", state=state)

"""What the console knows: the newest answer to each question, how old it is, and what went wrong since.

Owns asking the node and the rule that an older answer never overwrites a newer one. Refuses to decide what is shown.
`tui/app.py` asks; pages read the shelf.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from msgspec import Struct

from node.clock import Clock
from sync.model import Instant
from tui.answers import shaped
from tui.client import ArgumentValue, ConsoleApi
from tui.errors import ApiProblem

QUESTIONS_MAX = 128
"""Answers kept; beyond it the one asked longest ago is forgotten."""

Shape = TypeVar("Shape", bound=Struct)
ShapeOut = TypeVar("ShapeOut", bound=Struct, covariant=True)


@dataclass(frozen=True, slots=True)
class Question(Generic[ShapeOut]):
    """One call of the local API and the shape of its answer."""

    verb: str
    shape: type[ShapeOut]
    arguments: tuple[tuple[str, ArgumentValue], ...] = ()
    once: bool = False
    """True when the answer never changes: it is asked until it has been answered."""
    lasts_s: float = field(default=0.0, compare=False)
    """Seconds for which an answer is good enough; 0 asks in every round."""
    basis: str = field(default="", compare=False)
    """What the answer rests on, such as a policy version; another basis asks anew before `lasts_s` is over."""
    timeout_s: float | None = field(default=None, compare=False)
    """How long an answer may take; None the usual time."""


@dataclass(frozen=True, slots=True)
class Seen(Generic[Shape]):
    """The newest answer to a question, and the problem of the last attempt if it failed."""

    value: Shape | None
    age_s: float | None
    """Seconds since the answer arrived; None when there is none."""
    problem: ApiProblem | None

    @property
    def answered(self) -> bool:
        """True when the last attempt was answered."""
        return self.value is not None and self.problem is None


@dataclass(frozen=True, slots=True)
class _Slot:
    value: Struct | None = None
    arrived: Instant = Instant(0)
    problem: ApiProblem | None = None
    ticket: int = 0
    basis: str = ""
    is_overtaken: bool = False
    """True when something was done since that may have changed it."""


class Shelf:
    """Answers by question. `frozen()` gives a copy that no longer changes."""

    def __init__(self) -> None:
        self._slots: dict[Question[Struct], _Slot] = {}

    def frozen(self) -> Shelf:
        """The shelf as it is now."""
        copy = Shelf()
        copy._slots = dict(self._slots)
        return copy

    def put(self, question: Question[Shape], answer: Shape | ApiProblem, *, ticket: int, now: Instant) -> None:
        """Keep `answer` unless a later ticket has already been served."""
        slot = self._slots.pop(question, _Slot())
        if ticket > slot.ticket:
            slot = _served(slot, answer, ticket, now, question.basis)
        self._slots[question] = slot
        while len(self._slots) > QUESTIONS_MAX:
            del self._slots[next(iter(self._slots))]

    def seen(self, question: Question[Shape], now: Instant) -> Seen[Shape]:
        """What is known about `question`; everything None when it was never asked."""
        slot = self._slots.get(question, _Slot())
        if not isinstance(slot.value, question.shape):
            return Seen(None, None, slot.problem)
        return Seen(slot.value, max(0.0, now.seconds_since(slot.arrived)), slot.problem)

    def overtake(self) -> None:
        """Something was done at the node: what was good for a while is asked again."""
        self._slots = {question: replace(slot, is_overtaken=True) for question, slot in self._slots.items()}

    def is_settled(self, question: Question[Shape], now: Instant) -> bool:
        """True when `question` needs no asking now: answered once and for all, or not long ago on the same basis."""
        slot = self._slots.get(question, _Slot())
        if slot.value is None or (slot.is_overtaken and not question.once):
            return False
        return question.once or (slot.basis == question.basis and now.seconds_since(slot.arrived) < question.lasts_s)


def _served(slot: _Slot, answer: Struct | ApiProblem, ticket: int, now: Instant, basis: str) -> _Slot:
    if isinstance(answer, ApiProblem):
        return replace(slot, problem=answer, ticket=ticket)
    return _Slot(answer, now, None, ticket, basis)


class Feed:
    """Asks the node and fills the shelf."""

    def __init__(self, api: ConsoleApi, clock: Clock) -> None:
        self.shelf = Shelf()
        self._api = api
        self._clock = clock
        self._tickets = 0

    async def ask_all(self, questions: Sequence[Question[Struct]]) -> None:
        """Ask every question that still needs asking, side by side; problems go onto the shelf."""
        now = self._clock.now()
        await asyncio.gather(*(self.ask(question) for question in questions if not self.shelf.is_settled(question, now)))

    async def ask(self, question: Question[Shape]) -> None:
        """Ask one question and put the answer or the problem onto the shelf."""
        self._tickets += 1
        ticket = self._tickets
        try:
            answer: Shape | ApiProblem = shaped(
                await self._api.call(question.verb, timeout_s=question.timeout_s, **dict(question.arguments)), question.shape
            )
        except ApiProblem as problem:
            answer = problem
        self.shelf.put(question, answer, ticket=ticket, now=self._clock.now())

"""The rules of one kind of case, and the fold: from the facts, in their order, to what the case is. Pure.

A kind is a table: in which state which fact, said by whom, leads where. A fact that the table does not allow changes nothing and stays in
the history with the reason, because two nodes may act at once and both have said it: every node comes to the same answer. Called by the
register and the desk; the kinds are in the rooms of what they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from node.cases.fact import Body, Fact

FACTS_MAX = 500
"""Facts of one case that count; later ones are refused."""
TIME_US_MAX = (1 << 63) - 1
PARTIES = "parties"
"""Key of the opening fact's body: by role the node and its territory."""


@dataclass(frozen=True, slots=True)
class Party:
    """A node with a role in a case."""

    node: str
    territory: str
    """Where facts for it are sent."""

    @classmethod
    def of(cls, value: object) -> Party | None:
        """A party as a fact's body names it; None when it names none."""
        match value:
            case {"node": str(node), "territory": str(territory)} if node and territory.isascii() and territory.isdigit():
                return cls(node, territory)
        return None

    def encoded(self) -> dict[str, str]:
        """The inverse of `of`."""
        return {"node": self.node, "territory": self.territory}


@dataclass(frozen=True, slots=True)
class Said:
    """A fact in a case's history."""

    fact: Fact
    fault: str = ""
    """Why it changed nothing; empty when it counts."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the facts of one case add up to."""

    kind: str
    id: str
    state: str
    parties: Mapping[str, Party]
    """By role."""
    data: Body
    """What the facts that count say together; later ones replace earlier ones key by key."""
    opened_us: int
    since_us: int
    """When the state began."""
    history: tuple[Said, ...] = ()

    @property
    def opening(self) -> Fact:
        """The fact that opened it. What it says was checked; later facts of other parties may carry the same keys, and nobody looked."""
        return next(one.fact for one in self.history if not one.fault)

    def roles_of(self, node: str) -> frozenset[str]:
        """The roles that a node has."""
        return frozenset(role for role, party in self.parties.items() if party.node == node)

    def said_by(self, *words: str) -> frozenset[tuple[str, str]]:
        """The persons who said one of `words`, each with their node."""
        return frozenset((one.fact.by, one.fact.origin) for one in self.history if not one.fault and one.fact.word in words)


@dataclass(frozen=True, slots=True)
class Step:
    """What one fact does in one state."""

    to: str
    """The state it leads to; empty when it stays."""
    by: frozenset[str]
    """Roles that may say it."""
    needs: tuple[str, ...] = ()
    """Keys that its body must have, not empty."""
    apart_from: tuple[str, ...] = ()
    """Facts whose persons may not say this one: what needs two persons."""


def _no_fault(case: Case | None, fact: Fact) -> str:
    return ""


def _no_clock(case: Case) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Kind:
    """The rules of one kind of case."""

    name: str
    resource: str
    """Resource whose rows are its facts."""
    opening: str
    """The fact that opens a case."""
    opener: str
    """Role of the node that says it."""
    first: str
    """The state it leads to."""
    named: tuple[str, ...] = ()
    """Roles that the opening fact must name."""
    needs: tuple[str, ...] = ()
    """Keys that the opening fact's body must have."""
    steps: Mapping[tuple[str, str], Step] = field(default_factory=dict)
    """By state and fact."""
    final: frozenset[str] = frozenset()
    """States in which nothing is left to do."""
    check: Callable[[Case | None, Fact], str] = _no_fault
    """What else may be wrong with a fact (the case as it is before it, None for the opening one); empty when nothing is."""
    clock: Callable[[Case], int | None] = _no_clock
    """When the present state should have ended, microseconds since 1970 UTC; None when no clock runs."""
    told: tuple[str, ...] = ()
    """Keys of a fact's body that the audit log repeats: words and names of things, never what a person wrote."""

    @property
    def words(self) -> frozenset[str]:
        """Every fact that the kind knows."""
        return frozenset({self.opening} | {word for _, word in self.steps})

    def due_us(self, case: Case) -> int | None:
        """As `clock` says, and within what is stored: a peer may write any time into a fact."""
        due_us = self.clock(case)
        return None if due_us is None else min(due_us, TIME_US_MAX)


def fold(kind: Kind, facts: Iterable[Fact]) -> Case | None:
    """The case that `facts` add up to, whatever order they are given in; None while the fact that opens it is not among them."""
    ordered = _once(sorted(facts, key=lambda fact: fact.place))
    case: Case | None = None
    early: list[Said] = []
    for number, fact in enumerate(ordered):
        fault = f"a case takes {FACTS_MAX} facts" if number >= FACTS_MAX else fault_of(kind, case, fact)
        if fault and case is None:
            early.append(Said(fact, fault))
        elif case is None:
            case = replace(_opened(kind, fact), history=(*early, Said(fact)))
        else:
            case = _grown(kind, case, Said(fact, fault))
    return case


def fault_of(kind: Kind, case: Case | None, fact: Fact) -> str:
    """Why a fact changes nothing about a case as it is; empty when it counts."""
    if case is None:
        return _opening_fault(kind, fact)
    step = kind.steps.get((case.state, fact.word))
    if step is None:
        return f"a {kind.name} that is {case.state} takes no {fact.word}"
    if not case.roles_of(fact.origin) & step.by:
        return f"{fact.word} is said by the {' or the '.join(sorted(step.by))}, and {fact.origin} is not"
    if (fact.by, fact.origin) in case.said_by(*step.apart_from):
        return f"{fact.word} needs another person than {fact.by}, who said {' or '.join(step.apart_from)}"
    return _missing(fact, step.needs) or kind.check(case, fact)


def taken_from(kind: Kind, case: Case, node: str) -> dict[str, Step]:
    """By word what a case as it is takes from `node`; whether from a certain person, `fault_of` says."""
    roles = case.roles_of(node)
    return {word: step for (state, word), step in kind.steps.items() if state == case.state and roles & step.by}


def _opening_fault(kind: Kind, fact: Fact) -> str:
    if fact.word != kind.opening:
        return f"a {kind.name} begins with {kind.opening}"
    parties = _parties(fact)
    if kind.opener not in parties or parties[kind.opener].node != fact.origin:
        return f"{kind.opening} is said by its {kind.opener}, and {fact.origin} is not"
    unnamed = [role for role in kind.named if role not in parties]
    if unnamed:
        return f"{kind.opening} names no {unnamed[0]}"
    return _missing(fact, kind.needs) or kind.check(None, fact)


def _missing(fact: Fact, needs: Sequence[str]) -> str:
    missing = [key for key in needs if fact.body.get(key) in (None, "", [], {})]
    return f"{fact.word} lacks {', '.join(missing)}" if missing else ""


def _opened(kind: Kind, fact: Fact) -> Case:
    data = {key: value for key, value in fact.body.items() if key != PARTIES}
    at_us = fact.place.at.wall_us
    return Case(kind.name, fact.case_id, kind.first, _parties(fact), data, at_us, at_us)


def _grown(kind: Kind, case: Case, said: Said) -> Case:
    history = (*case.history, said)
    if said.fault:
        return replace(case, history=history)
    to = kind.steps[case.state, said.fact.word].to or case.state
    since_us = case.since_us if to == case.state else said.fact.place.at.wall_us
    return replace(case, state=to, since_us=since_us, data={**case.data, **said.fact.body}, history=history)


def _parties(fact: Fact) -> dict[str, Party]:
    named = fact.body.get(PARTIES)
    found = {role: Party.of(value) for role, value in named.items()} if isinstance(named, dict) else {}
    return {str(role): party for role, party in found.items() if party is not None}


def _once(facts: Iterable[Fact]) -> Iterable[Fact]:
    """Facts without the second rows of those that went to several territories."""
    seen: set[tuple[str, str]] = set()
    for fact in facts:
        key = (fact.origin, fact.id)
        if key not in seen:
            seen.add(key)
            yield fact

"""The shapes of the local API's answers about entries of the negative list (docs/api.md, `entry_*`).

The rules of `tui/answers.py` hold: unknown fields are ignored, missing ones neutral, texts hostile. What a peer may write as anything, such
as the reason in a fact, is `object` here, so that no peer can make a case unreadable.
"""

from __future__ import annotations

from msgspec import Struct


class Fact(Struct, frozen=True):
    """One thing that somebody said about a case."""

    at_us: int | None = None
    fact: str = ""
    by: str = ""
    node: str = ""
    why: object = ""
    fault: str = ""
    """Why it did not count; empty when it did."""


class Basis(Struct, frozen=True):
    """The law an entry stands on."""

    instrument: str = ""
    article: str = ""
    quote: str = ""
    sha256: str = ""


class Exemption(Struct, frozen=True):
    """An exception to an entry."""

    approver: str = ""
    purposes: list[str] = []
    levels: list[str] = []


class Entry(Struct, frozen=True):
    """One entry as a bundle holds it; empty selectors select everything."""

    id: str = ""
    effect: str = ""
    resource: str = ""
    fields: list[str] = []
    categories: list[str] = []
    predicate: str = ""
    territories: list[str] = []
    levels: list[str] = []
    ways: list[str] = []
    purposes: list[str] = []
    basis: Basis = Basis()
    proposer: str = ""
    approver: str = ""
    valid_from_us: int | None = None
    valid_to_us: int | None = None
    exemptions: list[Exemption] = []
    appeal: str = ""
    demonstration: bool = False


class Listed(Entry, frozen=True):
    """An entry in the bundles in force at the answering node."""

    issuer: str = ""
    has_effect: bool = False
    why: str = ""
    """Code of the reason (`live`, `no-basis`, ...)."""

    @property
    def key(self) -> str:
        """Tells it apart from the entries of other issuers and from cases."""
        return f"{self.issuer}/{self.id}"


class Register(Struct, frozen=True):
    """Every entry in force."""

    entries: list[Listed] = []


class EntryCase(Struct, frozen=True):
    """The case of one entry; what stands below `takes` is there only when it was asked for alone."""

    id: str
    entry: str = ""
    state: str = ""
    standing: str = ""
    """Of an approved one: how it stands to its dates."""
    effect: str = ""
    resource: str = ""
    proposer: str = ""
    approver: str = ""
    valid_from_us: int | None = None
    valid_to_us: int | None = None
    opened_us: int | None = None
    due_us: int | None = None
    overdue: bool = False
    fault: str = ""
    """Why it is approved and not in force."""
    takes: dict[str, list[str]] = {}
    """What may be said here now, by word, and what each needs."""
    whole: Entry = Entry()
    selects: list[str] = []
    selects_count: int = 0
    parties: dict[str, str] = {}
    history: list[Fact] = []


class EntryCases(Struct, frozen=True):
    """Cases, newest first."""

    entries: list[EntryCase] = []
    fault: str = ""
    """Why the cases are not kept up to date; empty when they are."""

"""The shapes of the local API's answers about governed matters (docs/api.md: `recall_*`, `regrade_*`, `emergency_*`, `review_*`, ...).

The rules of `tui/answers.py` hold: unknown fields are ignored, missing ones neutral, texts hostile.
"""

from __future__ import annotations

from msgspec import Struct

from tui.case_answers import Basis, Fact


class Case(Struct, frozen=True):
    """What cases of every kind have."""

    id: str = ""
    state: str = ""
    resource: str = ""
    opened_us: int | None = None
    due_us: int | None = None
    overdue: bool = False
    takes: dict[str, list[str]] = {}
    """What may be said here now, by word, and what each needs."""
    history: list[Fact] = []


class Receipt(Struct, frozen=True):
    """What one holder answered to a recall."""

    node: str = ""
    erased: int = 0
    masked: int = 0
    kept: int = 0
    done_us: int | None = None
    root: str = ""
    onward: dict[str, int] = {}
    """Nodes to which it gave the records, with how many."""


class Recall(Struct, frozen=True):
    """One order that takes back what was shared; receipts and names only where it was asked for alone."""

    order: str = ""
    entry: str = ""
    issuer: str = ""
    resource: str = ""
    state: str = ""
    is_open: bool = False
    began_us: int | None = None
    done_us: int | None = None
    expected: int = 0
    answered: int = 0
    erased: int = 0
    masked: int = 0
    fault: str = ""
    missing: list[str] = []
    receipts: list[Receipt] = []
    withdrawn: list[str] = []


class Recalls(Struct, frozen=True):
    """Orders, newest first."""

    recalls: list[Recall] = []


class Regrade(Case, frozen=True):
    """One change of grades."""

    regrade: str = ""
    raises: bool = True
    grade: str = ""
    records: int = 0
    origins: list[str] = []
    proposer: str = ""
    approver: str = ""
    in_force: bool = False
    fault: str = ""
    basis: Basis = Basis()


class Regrades(Struct, frozen=True):
    """Changes, newest first."""

    regrades: list[Regrade] = []


class Asked(Struct, frozen=True):
    """What a request asks for."""

    why: str = ""
    filter: str = ""


class Granted(Struct, frozen=True):
    """What a request was given."""

    conditions: str = ""
    filter: str = ""


class Shared(Struct, frozen=True):
    """What was handed out, told at the provider alone."""

    pages: int = 0
    rows: int = 0


class Request(Case, frozen=True):
    """One request for data; an emergency has the same shape."""

    standing: str = ""
    fields: list[str] = []
    purpose: str = ""
    asker: str = ""
    provider: str = ""
    arbiter: str = ""
    until_us: int | None = None
    supplier: str = ""
    ask: Asked = Asked()
    grant: Granted = Granted()
    basis: Basis = Basis()
    shares: Shared = Shared()


class Requests(Struct, frozen=True):
    """Requests, newest first."""

    requests: list[Request] = []


class Emergencies(Struct, frozen=True):
    """Emergencies, newest first."""

    emergencies: list[Request] = []


class Review(Case, frozen=True):
    """One review that a node opened."""

    topic: str = ""
    key: str = ""
    resources: list[str] = []
    count: int = 0
    persons: int = 0
    opener: str = ""
    authority: str = ""
    other: str = ""


class Reviews(Struct, frozen=True):
    """Reviews, newest first."""

    reviews: list[Review] = []


class Ticket(Case, frozen=True):
    """One ticket about records that break a rule."""

    rule: str = ""
    source: str = ""
    holder: str = ""
    bad: int = 0
    judged: int = 0
    samples: list[str] = []
    for_me: bool = False


class Tickets(Struct, frozen=True):
    """Tickets, newest first."""

    tickets: list[Ticket] = []


class Publication(Case, frozen=True, rename={"id": "case", "algorithm": "id"}):
    """One package that a node wants to offer to the tree."""

    id: str = ""
    """Of the case; named anew, because the answer's own `id` is the model's."""
    algorithm: str = ""
    version: str = ""
    content: str = ""
    family: str = ""
    classes: int = 0
    licence: str = ""
    evidence_grade: str = ""
    maker: str = ""
    live: str = ""
    """The version of it that is live here; empty: none."""
    publisher: str = ""
    approver: str = ""


class Publications(Struct, frozen=True):
    """Publications, newest first."""

    cases: list[Publication] = []


class PackageOffer(Struct, frozen=True, rename={"algorithm": "id"}):
    """A package that a node above offers and that is not here."""

    algorithm: str = ""
    version: str = ""
    content: str = ""
    family: str = ""
    classes: int = 0
    licence: str = ""
    evidence_grade: str = ""
    maker: str = ""
    live: str = ""
    publisher: str = ""
    approver: str = ""
    at: str = ""
    """Who has it."""
    heard_us: int | None = None


class PackageOffers(Struct, frozen=True):
    """Offers that were heard, the newest last."""

    offers: list[PackageOffer] = []

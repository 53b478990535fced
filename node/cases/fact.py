"""One fact about a case: who did what, when and where it was said. Facts are rows of an event-sourced resource and never change.

Owns the layout of those rows and what is read from them. A row that a peer made and that is no fact gives None and stops nothing. Called
by the register and the desk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from node.ingest.sink import Row
from node.store.records import decode_rows
from node.untrusted import UNREADABLE, is_plain
from policies.bundle import canonical_json
from policies.catalogue import FACT_FIELDS
from sync.model import HybridTime, StoredBatch

BODY_CHARS_MAX = 8_192
WORD_CHARS_MAX = 64
BY_CHARS_MAX = 200

Word = Annotated[str, Meta(min_length=1, max_length=WORD_CHARS_MAX)]
Code = Annotated[str, Meta(pattern="^[0-9]{2,15}$")]
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a fact stands among all facts: the same order at every node that has them."""

    at: HybridTime
    """When its origin stored it."""
    origin: str
    incarnation: int
    number: int
    """Sequence number in the origin's stream."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that somebody did."""

    id: str
    """Names the fact wherever it is; a fact for several territories is several rows."""
    case_id: str
    word: str
    """What was done; the kind of case knows what it means."""
    by: str
    """The person, as the origin knows them."""
    body: Body
    place: Place
    territory: str
    """Of the node at which it was said."""

    @property
    def origin(self) -> str:
        """The node at which it was said."""
        return self.place.origin


@dataclass(frozen=True, slots=True)
class Arrival:
    """A fact as one row brought it."""

    fact: Fact
    bearer: str
    """The node that made the row: the fact's origin, or one that passed it on."""
    territory: str
    """Where the row is for."""

    @property
    def is_relayed(self) -> bool:
        """True when another node than its origin passes the fact on."""
        return self.bearer != self.fact.origin


class _Relayed(msgspec.Struct, forbid_unknown_fields=True):
    """The place and territory of a fact that is passed on."""

    origin: Word
    incarnation: Number
    number: Number
    wall_us: Number
    counter: Number
    territory: Code


class _Row(msgspec.Struct):
    territory: Code
    fact_id: Word
    case_id: Word
    fact: Word
    by: Annotated[str, Meta(min_length=1, max_length=BY_CHARS_MAX)]
    body: Annotated[str, Meta(max_length=BODY_CHARS_MAX)]
    relayed: Annotated[str, Meta(max_length=BODY_CHARS_MAX)] = ""


def arrivals_in(stored: StoredBatch) -> Iterator[Arrival | None]:
    """The facts in a batch's rows that count here; None for each row that is none."""
    runs = [run for run in stored.live_runs if run.state.has_rows]
    if not runs:
        return
    rows = decode_rows(stored.batch.payload)
    known = [name for name in ("territory", *FACT_FIELDS) if name in rows.schema.names]
    for run in runs:
        part = rows.slice(run.row_offset, run.count).select(known).to_pylist()
        for offset, row in enumerate(part):
            yield _arrival(row, Place(run.at, run.origin, run.incarnation, run.first + offset))


def row_of(fact: Fact, *, bearer: str, territory: str, grade: int) -> Row:
    """The row with which `bearer` sends a fact to `territory`, in the order of its resource's schema."""
    relayed = "" if bearer == fact.origin else encoded_body(msgspec.to_builtins(_relayed(fact)))
    return (fact.place.at.wall_us, territory, grade, fact.id, fact.case_id, fact.word, fact.by, encoded_body(fact.body), relayed)


def encoded_body(body: Body) -> str:
    """A body as it is stored: canonical JSON."""
    return canonical_json(dict(body)).decode()


def _relayed(fact: Fact) -> _Relayed:
    place = fact.place
    return _Relayed(place.origin, place.incarnation, place.number, place.at.wall_us, place.at.counter, fact.territory)


def _arrival(row: dict[str, object], place: Place) -> Arrival | None:
    try:
        read = msgspec.convert(row, _Row)
        body = msgspec.json.decode(read.body or "{}", type=dict[str, object])
        said = msgspec.json.decode(read.relayed, type=_Relayed) if read.relayed else None
    except UNREADABLE:
        return None
    where = Place(HybridTime(said.wall_us, said.counter), said.origin, said.incarnation, said.number) if said else place
    if not is_plain(body):
        return None
    fact = Fact(read.fact_id, read.case_id, read.fact, read.by, body, where, said.territory if said else read.territory)
    return Arrival(fact, place.origin, read.territory)

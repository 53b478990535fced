"""The review of classification: rules propose grades for fields from their names and newest rows, and a person decides on each.

Owns the way from a proposal into the catalogue's draft; nothing is in force before the draft is issued, and ungraded data stays held until
then. Refuses decisions without a name, and refusals without a reason. Called by the local API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa

from node.catalogue import queue
from node.catalogue.desk import CatalogueDesk
from node.catalogue.errors import CatalogueError
from node.catalogue.queue import Queued, Stage, Verdict
from node.catalogue.store import Drafted, put_draft
from node.store.records import live_rows, newest_batches
from policies.catalogue import Field, Resource
from policies.classify.propose import Proposal, Sample, propose, propose_resource
from policies.classify.table import RuleTable, parse_table, shipped_table
from policies.words import Role

TABLE_NAME = "classify.toml"
"""A node's own table of rules, in its folder; without it the one that ships is used."""
TABLE_BYTES_MAX = 1 << 20
BATCHES_MAX = 200
"""Batches that are read for a sample, newest first."""

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Amends:
    """What an acceptance sets instead of what was proposed; None: as proposed."""

    grade: int | None = None
    role: str | None = None
    category: str | None = None
    mask: str | None = None

    def over(self, said: Proposal) -> dict[str, object]:
        """The values that are accepted."""
        proposed = {"grade": said.grade, "role": said.role.value, "category": said.category, "mask": said.mask}
        given = {"grade": self.grade, "role": self.role, "category": self.category, "mask": self.mask}
        return {key: proposed[key] if given[key] is None else given[key] for key in proposed}


class Review:
    """The queue of one node."""

    def __init__(self, desk: CatalogueDesk, folder: Path) -> None:
        self._desk = desk
        self._folder = folder
        self._deciding = Lock()

    def propose(self, code: str, columns: Mapping[str, Sequence[str | None]] | None) -> Plain:
        """Judge a resource by its newest rows here, or by `columns` given, and queue what would change it. Blocking."""
        resource, table = self._desk.entry(code), self._table()
        samples = _given(resource, columns) if columns is not None else self._sampled(resource, table)
        found = [self._fitting(one) for one in propose(samples, table)]
        fields = {item.name: item for item in resource.fields}
        news = [one for one in found if _changes(one, fields[one.field], resource)]
        if not resource.grade:
            news.append(propose_resource(found))
        queued = queue.put(self._desk.store, code, news, at_us=self._desk.clock.wall_us())
        self._count()
        rows = max((len(sample.column) for sample in samples), default=0)
        return {"resource": code, "rows": rows, "queued": queued, "settled": len(found) + (not resource.grade) - queued}

    def listing(self, *, decided: bool, limit: int) -> Plain:
        """What waits for a decision, and with `decided` what was decided."""
        self._count()
        found = queue.listed(self._desk.store, decided=decided, limit=limit)
        return {"waiting": self._desk.proposals_waiting, "proposals": [one.encoded() for one in found]}

    def accept(self, numbers: Iterable[int], amends: Amends, *, by: str, why: str) -> Plain:
        """Take proposals into the draft, all or none. Raises CatalogueError, PolicyError."""
        _check_name(by)
        if amends.mask and amends.mask not in self._desk.policy.ruleset.masks:
            known = ", ".join(sorted(self._desk.policy.ruleset.masks))
            raise CatalogueError(f"mask {amends.mask!r} is no profile in force: known are {known}")
        stage = Stage.ACCEPTED if amends == Amends() else Stage.CHANGED
        with self._deciding:
            found = self._waiting(numbers)
            changed = self._applied(found, amends)
            verdict = Verdict(stage, by, why, self._desk.clock.wall_us())
            with self._desk.store.transaction() as db:
                for one in found:
                    queue.find(db, one.id)
                    queue.settle(db, one.id, verdict, amends.over(one.proposal))
                put_draft(db, (Drafted(one.code, one.encoded(), f"review by {by}", verdict.at_us) for one in changed))
        self._count()
        return {"state": stage.value, "proposals": len(found), "drafted": sorted(one.code for one in changed)}

    def refuse(self, numbers: Iterable[int], *, by: str, why: str) -> Plain:
        """Put proposals aside for good: the same rule will not propose them again. Raises CatalogueError."""
        _check_name(by)
        if not why:
            raise CatalogueError("refusal without a reason: say why with --reason, the next reviewer will ask")
        verdict = Verdict(Stage.REFUSED, by, why, self._desk.clock.wall_us())
        with self._deciding:
            found = self._waiting(numbers)
            with self._desk.store.transaction() as db:
                for one in found:
                    queue.find(db, one.id)
                    queue.settle(db, one.id, verdict, {})
        self._count()
        return {"state": Stage.REFUSED.value, "proposals": len(found), "drafted": []}

    # ---- inside

    def _waiting(self, numbers: Iterable[int]) -> list[Queued]:
        with self._desk.store.transaction() as db:
            return [queue.find(db, number) for number in sorted(set(numbers))]

    def _applied(self, found: Sequence[Queued], amends: Amends) -> list[Resource]:
        """The entries with what is accepted in them, read again as strictly as a bundle's."""
        entries: dict[str, Plain] = {}
        for one in found:
            entry = entries.setdefault(one.resource, self._desk.entry(one.resource).encoded())
            final = amends.over(one.proposal)
            if not one.proposal.field:
                entry["grade"] = final["grade"]
                continue
            for item in entry["fields"]:
                if item["name"] == one.proposal.field:
                    item.update(final)
        return [Resource.of(entry, f"proposal for {code}") for code, entry in sorted(entries.items())]

    def _sampled(self, resource: Resource, table: RuleTable) -> list[Sample]:
        """The newest rows of a resource here, column by column; none are an empty sample, which leaves the names."""
        tables: list[pa.Table] = []
        rows = 0
        for _, stored in zip(range(BATCHES_MAX), newest_batches(self._desk.journal, resource.code), strict=False):
            part = live_rows(stored)
            if part is not None:
                tables.append(part)
                rows += part.num_rows
            if rows >= table.sample_rows_max:
                break
        return [Sample(item.name, item.title, _column(item, tables)) for item in resource.fields]

    def _fitting(self, one: Proposal) -> Proposal:
        """A proposal without a mask that is not in force here."""
        if not one.mask or one.mask in self._desk.policy.ruleset.masks:
            return one
        return Proposal(one.field, one.rule, one.grade, one.role, one.category, "", one.share, one.rows, one.confidence)

    def _table(self) -> RuleTable:
        path = self._folder / TABLE_NAME
        if not path.exists():
            return shipped_table()
        try:
            if path.stat().st_size > TABLE_BYTES_MAX:
                raise CatalogueError(f"{path} refused: over {TABLE_BYTES_MAX >> 20} MiB")
            return parse_table(path.read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise CatalogueError(f"{path} cannot be read ({error}): mend it, or take it away to use the table that ships") from None

    def _count(self) -> None:
        self._desk.proposals_waiting = queue.waiting(self._desk.store)


def _check_name(by: str) -> None:
    if not by.strip():
        raise CatalogueError("a decision needs the name of who decides: give --by NAME")


def _given(resource: Resource, columns: Mapping[str, Sequence[str | None]]) -> list[Sample]:
    """Columns of a caller's by the name or title of a field; fields without one are judged by their names."""
    unknown = sorted(set(columns) - {item.name for item in resource.fields} - {item.title for item in resource.fields})
    if len(unknown) == len(columns) and columns:
        known = ", ".join(item.name for item in resource.fields)
        raise CatalogueError(f"columns {', '.join(unknown[:5])} are no fields of {resource.code}: it has {known}")
    empty: Sequence[str | None] = ()
    values = {item.name: columns.get(item.name, columns.get(item.title, empty)) for item in resource.fields}
    return [Sample(item.name, item.title, pa.array(values[item.name], pa.string())) for item in resource.fields]


def _column(item: Field, tables: Sequence[pa.Table]) -> pa.Array[Any]:
    """The column of a field in every table that has it, newest first."""
    parts = [table.column(item.name) for table in tables if item.name in table.column_names]
    chunks = [chunk for part in parts for chunk in part.chunks]
    if not chunks or any(chunk.type != chunks[0].type for chunk in chunks):
        return pa.array([], pa.string())
    return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()


def _changes(one: Proposal, item: Field, resource: Resource) -> bool:
    """True when a proposal would make an entry stricter or say more of it; one that is graded so already is left in peace."""
    if max(item.grade, resource.grade) < one.grade or (resource.grade == 0 and item.grade == 0):
        return True
    return (item.role is Role.PLAIN and one.role is not Role.PLAIN) or (not item.mask and bool(one.mask))

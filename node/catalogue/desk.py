"""The catalogue of a running node: what is in force and how it stands, the draft, and the issue of the next epoch.

Owns the draft's way into force: what is imported or accepted changes nothing until it is issued as the next epoch of this node's own
bundle. Refuses an issue that would change the layout of records that exist, or make a bundle too large for the links. Called by the local
API (`api`), by status and by the background of the appliance.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from node.catalogue.errors import CatalogueError
from node.catalogue.freshness import Freshness, freshness, late_s, newest_records
from node.catalogue.history import editions
from node.catalogue.importing import check_layout
from node.catalogue.queue import waiting
from node.catalogue.shelf import Filter, Shelf, Shelved
from node.catalogue.store import CatalogueStore, Drafted
from node.policy.issuing import Issuer
from node.store.journal import SqliteJournal
from policies.bundle import Bundle, Contents
from policies.catalogue import Resource
from policies.ruleset import Ruleset
from sync.model import MICROSECONDS

log = logging.getLogger("yunnao.catalogue")

LOOK_EVERY_S = 30.0
"""How often it is looked for new records; a new policy is looked at once."""
STALE_SHOWN_MAX = 20
TROUBLE = "catalogue_stale"

Plain = dict[str, Any]


class CatalogueDesk:
    """One node's catalogue."""

    def __init__(self, store: CatalogueStore, *, issuer: Issuer, journal: SqliteJournal) -> None:
        self.store = store
        self.clock = issuer.clock
        self.policy = issuer.policy
        self.journal = journal
        self._issuer = issuer
        self._shelf = self._new_shelf()
        self._newest: Mapping[str, int] = store.newest()
        self._stale: tuple[Plain, ...] = ()
        self._fault = ""
        self.proposals_waiting = 0
        """Proposals of grades that nobody decided about, as last counted."""
        self._news = asyncio.Event()

    # ---- what is in force

    @property
    def shelf(self) -> Shelf:
        """The catalogue in force."""
        if self._shelf[0] is not self.policy.ruleset:
            self._shelf = self._new_shelf()
        return self._shelf[1]

    def listed(self, wanted: Filter, *, states: Collection[Freshness] = (), offset: int = 0, limit: int = 100) -> Plain:
        """The entries that match, and how many there are in all."""
        now_us = self.clock.wall_us()
        found = list(self.shelf.matching(wanted))
        if states:
            found = [entry for entry in found if self._freshness(entry.resource, now_us) in states]
        page = [self._line(entry, now_us) for entry in found[offset : offset + limit]]
        return {"total": len(found), "entries": page, "of": len(self.shelf.entries)}

    def shown(self, code: str) -> Plain:
        """One entry whole; raises CatalogueError for a code that is neither in force nor drafted."""
        entry, drafted = self.shelf.entries.get(code), self.store.draft().get(code)
        if entry is None and drafted is None:
            raise CatalogueError(f"resource {code!r} is not in the catalogue: `yunnao catalogue list` shows what is")
        line = self._line(entry, self.clock.wall_us()) if entry else {"code": code}
        return line | {
            "entry": entry.resource.encoded() if entry else None,
            "draft": drafted.entry if drafted else None,
            "is_withdrawn": code in self.store.withdrawals(),
            "history": self.store.history(code=code, limit=STALE_SHOWN_MAX),
        }

    def page(self, after: str, limit: int, *, drafts: bool) -> Plain:
        """Encoded entries by code, past `after`, with `drafts` as the draft has them; and what else an import must know."""
        drafted = self.store.draft() if drafts else {}
        codes = [code for code in sorted({*self.shelf.entries, *drafted}) if code > after][:limit]
        counts = self.journal.counts()
        return {
            "entries": [drafted[code].entry if code in drafted else self.shelf.entries[code].resource.encoded() for code in codes],
            "with_records": [code for code in codes if counts.get(code)],
            "masks": sorted(self.policy.ruleset.masks),
        }

    def facts(self) -> Plain:
        """The catalogue for the status."""
        entries = self.shelf.entries.values()
        return {
            "entries": len(entries),
            "ungraded": sum(not entry.resource.grade for entry in entries),
            "proposals": self.proposals_waiting,
            "stale_count": len(self._stale),
            "stale": list(self._stale[:STALE_SHOWN_MAX]),
            "fault": self._fault,
        }

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [TROUBLE] if self._stale else []

    # ---- the draft

    def take(self, entries: Iterable[Plain], *, source: str) -> Plain:
        """Put entries into the draft, all or none; raises CatalogueError, PolicyError."""
        now_us = self.clock.wall_us()
        resources = [Resource.of(entry, f"entry {number}") for number, entry in enumerate(entries, start=1)]
        if len({resource.code for resource in resources}) < len(resources):
            raise CatalogueError("entries refused: one code stands twice")
        for resource in resources:
            self._check_layout(resource)
        self.store.keep_draft(Drafted(resource.code, resource.encoded(), source, now_us) for resource in resources)
        bound = sorted(resource.code for resource in resources if self._is_bound(resource.code))
        return {"drafted": len(resources), "draft": len(self.store.draft()), "only_tightens": bound}

    def issue(self) -> Plain:
        """Bring the draft into force as the next epoch of this node's bundle; on the event loop.

        Raises CatalogueError, IssueRefused, PolicyError.
        """
        bundle, drafted, withdrawn = self._next_issue()
        self._issuer.issue(bundle)
        return self._issued(bundle, drafted, withdrawn)

    async def issue_aside(self) -> Plain:
        """As `issue`, with the work in a thread."""
        bundle, drafted, withdrawn = await asyncio.to_thread(self._next_issue)
        await self._issuer.issue_aside(bundle)
        return self._issued(bundle, drafted, withdrawn)

    def _next_issue(self) -> tuple[Bundle, Mapping[str, Resource], Collection[str]]:
        """The bundle to issue, with what it drafts and withdraws."""
        draft, withdrawn = self.store.draft(), self.store.withdrawals()
        if not (draft or withdrawn):
            raise CatalogueError("nothing to issue: the draft is empty; `yunnao catalogue import` fills it")
        self._check_withdrawals(withdrawn)
        drafted = {code: Resource.of(one.entry, f"draft of {code}") for code, one in draft.items()}
        for resource in drafted.values():
            self._check_layout(resource)
        return self._issuer.next_bundle(lambda contents: _with(contents, drafted, withdrawn)), drafted, withdrawn

    def _issued(self, bundle: Bundle, drafted: Mapping[str, Resource], withdrawn: Collection[str]) -> Plain:
        now = self.store.draft()
        # What was drafted again while the bundle was being made waits for the next issue.
        same = [code for code, resource in drafted.items() if code in now and now[code].entry == resource.encoded()]
        self.store.drop_draft([*same, *withdrawn])
        log.info(
            "catalogue of %s epoch %d in force: %d entries new or changed, %d withdrawn",
            bundle.issuer, bundle.epoch, len(drafted), len(withdrawn),
        )  # fmt: skip
        return {
            "issuer": bundle.issuer,
            "epoch": bundle.epoch,
            "entries": len(drafted),
            "withdrawn": len(withdrawn),
            "bytes": len(bundle.canonical),
        }

    def withdraw(self, codes: Sequence[str]) -> Plain:
        """Let the next issue take entries out of the catalogue, all or none; raises CatalogueError."""
        self._check_withdrawals(codes)
        self.store.keep_withdrawals(codes, self.clock.wall_us())
        return {"withdrawn": len(set(codes)), "draft": len(self.store.draft()) + len(self.store.withdrawals())}

    def _check_withdrawals(self, codes: Iterable[str]) -> None:
        held = self.policy.held(self._issuer.node)
        own = {resource.code for resource in held.contents.catalogue} if held else frozenset()
        counts = self.journal.counts()
        for code in codes:
            if code not in own:
                entry = self.shelf.entries.get(code)
                who = f"it is an entry of {entry.issuer}, who alone withdraws it" if entry else "see `yunnao catalogue list`"
                raise CatalogueError(f"resource {code!r} is not withdrawn: this node has not issued it; {who}")
            if counts.get(code):
                raise CatalogueError(
                    f"resource {code!r} is not withdrawn: {counts[code]} records of it are here, and without an entry they would be held "
                    "as ungraded; let its retention end them first"
                )

    def _check_layout(self, resource: Resource) -> None:
        held = self.policy.ruleset.resources.get(resource.code)
        if held is not None and self.journal.counts().get(resource.code):
            check_layout(held, resource)

    def _is_bound(self, code: str) -> bool:
        """True when a higher issuer defines the entry, so that what this node issues can only make it stricter."""
        entry = self.shelf.entries.get(code)
        return entry is not None and entry.issuer != self._issuer.node

    def entry(self, code: str) -> Resource:
        """An entry as the draft has it, else as it is in force; raises CatalogueError."""
        drafted = self.store.draft().get(code)
        if drafted is not None:
            return Resource.of(drafted.entry, f"draft of {code}")
        if code not in self.shelf.entries:
            raise CatalogueError(f"resource {code!r} is not in the catalogue: `yunnao catalogue list` shows what is")
        return self.shelf.entries[code].resource

    # ---- in the background

    def policy_is_new(self) -> None:
        """A bundle came into force; on the event loop."""
        self._news.set()

    async def run(self) -> None:
        """Record history and look for stale resources for as long as the node runs."""
        while True:
            self._news.clear()
            try:
                await asyncio.to_thread(self.look)
                self._fault = ""
            except CatalogueError as error:
                # The catalogue's own file failing must not stop a node that stores records: it is said, and tried again.
                self._fault = str(error)
                log.warning("catalogue not kept: %s", error)
            await self._wait()

    async def stop(self) -> None:
        """Release the file."""
        await asyncio.to_thread(self.store.close)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            return

    def look(self) -> None:
        """Record what bundles changed, and find the newest records and who is late. Blocking."""
        self._record()
        self._read_newest()
        self.proposals_waiting = waiting(self.store)
        now_us = self.clock.wall_us()
        late = [(entry.resource, self._newest.get(code)) for code, entry in self.shelf.entries.items()]
        self._stale = tuple(
            {"resource": resource.code, "newest_us": newest_us, "late_s": late_s(resource, newest_us, now_us), "owner": resource.owner}
            for resource, newest_us in late
            if newest_us is not None and freshness(resource, newest_us, now_us) is Freshness.STALE
        )

    def _record(self) -> None:
        for issuer, _ in self.policy.version.components:
            bundle = self.policy.held(issuer)
            epoch, before = self.store.seen(issuer)
            if bundle is None or (bundle.epoch == epoch and before):
                continue
            after = {resource.code: resource.encoded() for resource in bundle.contents.catalogue}
            found = list(editions(before, after))
            if found or epoch:
                self.store.record(issuer, bundle.epoch, found, after, at_us=self.clock.wall_us())

    def _read_newest(self) -> None:
        while True:
            after = self.store.read_upto()
            found, upto = self.journal.look("look at the newest records", partial(newest_records, after=after))
            if upto == after:
                break
            # A source whose clock is ahead must not count as fresh until its own time has come.
            now_us = self.clock.wall_us()
            self.store.keep_newest({code: min(sealed_us, now_us) for code, sealed_us in found.items()}, upto=upto)
        self._newest = self.store.newest()

    # ---- inside

    def _new_shelf(self) -> tuple[Ruleset, Shelf]:
        ruleset = self.policy.ruleset
        held = {issuer: self.policy.held(issuer) for issuer, _ in ruleset.version.components}
        return ruleset, Shelf(ruleset, {issuer: bundle for issuer, bundle in held.items() if bundle is not None})

    def _freshness(self, resource: Resource, now_us: int) -> Freshness:
        return freshness(resource, self._newest.get(resource.code), now_us)

    def _line(self, entry: Shelved, now_us: int) -> Plain:
        resource = entry.resource
        newest_us = self._newest.get(resource.code)
        return {
            "code": resource.code,
            "national_code": resource.listing.national_code,
            "title": {"zh": resource.title_zh, "en": resource.title_en},
            "provider": resource.provider,
            "issuer": entry.issuer,
            "grade": f"L{resource.grade}" if resource.grade else "",
            "share": resource.share.value,
            "mode": resource.mode.value,
            "library": resource.library,
            "fields": len(resource.fields),
            "period_s": resource.period_s,
            "state": self._freshness(resource, now_us).value,
            "newest_us": newest_us,
            "age_s": None if newest_us is None else max(0, now_us - newest_us) / MICROSECONDS,
        }


def _with(contents: Contents, drafted: Mapping[str, Resource], withdrawn: Container[str]) -> Contents:
    """The contents with entries of the catalogue new, changed or withdrawn."""
    merged = {**{resource.code: resource for resource in contents.catalogue}, **drafted}
    return replace(contents, catalogue=tuple(resource for code, resource in merged.items() if code not in withdrawn))

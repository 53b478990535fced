"""The recalls of a running node: complies with every order in force before anything is read, says a receipt, and keeps the open list.

`look` is called before peers hear of a new policy, so from then on a resource that an order means is closed to readers until its rows are
gone. Refuses to erase while the clock is in doubt: until then nothing is read either. What fails is said and tried again; the node stores
on. Called by the local API, the gate's side of every link, and status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError
from node.cases.kind import Party
from node.errors import NodeError
from node.recall.closure import OpenList, open_lists
from node.recall.eraser import Eraser, Kept
from node.recall.errors import RecallError
from node.recall.kind import ISSUER, RECALL
from node.recall.making import NotePage, read_page, receipt_of
from node.recall.orders import Order, RegradeOrder, orders_known, orders_of, resources_of
from node.recall.pages import Pages
from node.recall.receipt import Receipt, pages_of
from node.recall.regaining import Regaining
from node.recall.tombs import Tombs
from node.store import recalled
from node.store.recalled import TOMBSTONE_LIFE_US, OrderNote
from node.store.repaired import note_walk, walked
from policies.catalogue import Resource
from policies.entry import CLOCK_UNSURE_US
from policies.errors import PolicyError
from policies.words import Way
from sync.model import ClockQuality, Level, Stream, SyncError

LOOK_EVERY_S = 60.0
"""How often dates are looked at and what failed is tried again; a new policy is looked at at once."""
CASES_MAX = 100_000
FAILURES = (NodeError, PolicyError, SyncError)
"""What keeps one order waiting and nothing else."""
PENDING, OPEN = "recall_pending", "recalls_open"
"""Words of the status: this node has not complied yet, and nodes that hold what this one recalls have not answered."""

Plain = dict[str, Any]
log = logging.getLogger("yunnao.recall")


Noting = Callable[[Order, str, Mapping[str, int | str]], Awaitable[None]]
"""Enters a step of an order in the audit log: the word, and what came of it."""


async def _nothing(kept: Kept) -> None:
    """Nobody made anything of them."""


@dataclass(slots=True)
class RecallDesk:
    """One node's recalls."""

    cases: CaseDesk
    eraser: Eraser
    clock_quality: Callable[[], ClockQuality]
    territory_of: Callable[[str], str]
    """Territory of an issuer whose bundle is in force."""
    noting: Noting | None = None
    tombs: Tombs = field(default_factory=Tombs)
    fault: str = ""
    """Why an order is not carried out or told; empty when nothing is wrong."""
    notes: dict[str, OrderNote] = field(default_factory=dict)
    """How far each order is, by id."""
    due: dict[str, Order] = field(default_factory=dict)
    """Orders in force by id."""
    _means: dict[str, tuple[Resource, ...]] = field(default_factory=dict)
    """Resources of the catalogue that each order in force is about."""
    _carried: dict[str, frozenset[str]] = field(default_factory=dict)
    """Codes for which an order was carried out; read from its note once."""
    _closed: dict[str, str] = field(default_factory=dict)
    """Entry by resource that nobody reads now."""
    _walked: dict[str, int] = field(default_factory=dict)
    """By resource, how many damaged batches of it had been put back when it was last walked over."""
    _open: dict[str, OpenList] = field(default_factory=dict)
    _erasing: frozenset[str] = frozenset()
    """Orders under which something was erased here."""
    _bound: frozenset[str] = frozenset()
    """Those of them that the tombstones in memory hold as in force."""
    _over: set[str] = field(default_factory=set)
    """Orders that this node carried out and that ended since: in force once more, they are carried out once more."""
    regaining: Regaining | None = None
    """Asks for what comes again once an order is over, and answers; None where there are no links."""
    on_kept: Callable[[Kept], Awaitable[None]] = _nothing
    """Called with the node's own records that an order names, before the order counts as carried out: who made something of them outside
    the journal lets it go. May raise NodeError or SyncError: it is called again."""
    pages: Pages | None = None
    """The books of pages of requests, once the node has them."""
    _wake: Callable[[], None] = lambda: None

    @property
    def _level(self) -> Level:
        return self.eraser.level

    # ---- what must not wait

    def start(self) -> None:
        """Read the book; call once, before anything is read. Blocking; raises JournalError."""
        journal = self.eraser.journal
        self.notes = {note.id: note for note in journal.look("read of recalls", recalled.notes)}
        self._walked = journal.look("read of recalls", walked)
        self.look()
        self._load_tombs()

    def look(self) -> None:
        """Find the orders in force now. Any thread may call; what is due and not done closes its resources at once."""
        due = orders_of(self.eraser.policy.ruleset, self.eraser.clock.wall_us())
        self._means = {order.id: self._resources(order) for order in due}
        self.due = {order.id: order for order in due}
        self._over |= {note.id for note in self.notes.values() if note.done_us} - self.due.keys()
        self._close()
        if self.regaining is not None:
            self.regaining.again()
        self._wake()

    def _close(self) -> None:
        """Note which resources nobody reads now, so that a reader's question costs nothing."""
        due = self.due
        waiting = [order for order in due.values() if not self.is_done(order.id)]
        means = [(order, one) for order in waiting for one in self._means.get(order.id, ())]
        self._closed = {one.code: order.entry.id for order, one in means if order.targets(one, self._level)}

    def refusal(self, resource: str) -> str:
        """Why nothing is read of a resource now; empty when it is. Every reader of rows asks."""
        entry = self._closed.get(resource) or self._unwalked(resource)
        if not entry:
            return ""
        return f"{resource} cannot be read: entry {entry} recalls records of it, and this node has not complied yet"

    def withdrawn(self, resource: str, *, is_summary: bool = False) -> list[Plain]:
        """Orders that took records out from under a resource of totals, or under summaries of one: what was told before counts them."""
        resources = self.eraser.policy.ruleset.resources
        known = resources.get(resource)
        source = resources.get(known.derived.source) if known is not None and known.derived is not None else None
        if source is None:
            source = known if is_summary else None
        if source is None:
            return []
        return [
            {"order": order.id, "source": source.code, "until_us": self.notes[order.id].done_us}
            for order in self.due.values()
            if self.is_done(order.id) and order.means(source) and self._takes(order, source)
        ]

    def _takes(self, order: Order, source: Resource) -> bool:
        """False for a raise to a grade whose rows go up as before."""
        if not isinstance(order, RegradeOrder):
            return True
        book, grade = self.eraser.policy.gate.book, order.regrade.grade
        plans = [book.plan(source.code, hops=hops, way=Way.UP, level=self._level) for hops in (1, 2)]
        return any(rule.grade == grade and rule.treatment != plan.base.treatment for plan in plans for rule in plan.grades)

    def is_done(self, order_id: str) -> bool:
        """True once this node has complied with an order, for every resource that it means today."""
        note = self.notes.get(order_id)
        if note is None or not note.done_us or order_id in self._over:
            return False
        return {one.code for one in self._means.get(order_id, ())} <= self._covered(note)

    def _covered(self, note: OrderNote) -> frozenset[str]:
        known = self._carried.get(note.id)
        if known is None:
            known = self._carried[note.id] = frozenset(read_page(note.facts).covered)
        return known

    def _resources(self, order: Order) -> tuple[Resource, ...]:
        return tuple(resources_of(order, self.eraser.policy.ruleset.resources.values()))

    def _unwalked(self, resource: str) -> str:
        """The entry for which a resource is closed as a batch of it was put back, maybe with rows that an order took; empty for none."""
        if self.eraser.journal.repaired(resource).put_back == self._walked.get(resource, 0):
            return ""
        meant = (order.entry.id for order in self.due.values() for one in self._meant(order) if one.code == resource)
        return next(meant, "")

    def _meant(self, order: Order) -> list[Resource]:
        """The resources of which an order takes records at a node of this level."""
        return [one for one in self._means.get(order.id, ()) if order.targets(one, self._level)]

    def repaired(self) -> None:
        """A damaged batch was put back: its resource is closed until it was walked over, which shall not wait."""
        self._wake()

    def met(self) -> None:
        """A session with a neighbour begins: it may have what is free again."""
        if self.regaining is not None:
            self.regaining.again()
            self._wake()

    # ---- the background

    async def run(self) -> None:
        """Carry out and tell for as long as the node runs."""
        news, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        self._wake = wake
        self.cases.on_change(lambda kind, case_id: news.set() if kind is RECALL else None)
        while True:
            news.clear()
            await self.round()
            try:
                async with asyncio.timeout(LOOK_EVERY_S if self.regaining is None else min(LOOK_EVERY_S, self.regaining.wait_s())):
                    await news.wait()
            except TimeoutError:
                self.look()

    async def round(self) -> None:
        """Do what is due once."""
        self.fault = ""
        for order in [*self.due.values()]:
            if order.id not in self.due:
                continue  # revoked while another was carried out
            try:
                await self._comply(order)
                await self._tell(order)
            except FAILURES as error:
                self.fault = f"{order.id}: {error}"
                log.warning("recall %s waits: %s", order.id, error)
        await self._look_again()
        await self._regain()
        if any(self._is_mine(order_id) for order_id in self.due):
            try:
                self._open = await asyncio.to_thread(self.lists)
            except CaseError as error:
                self.fault = str(error)

    async def _comply(self, order: Order) -> None:
        if self.is_done(order.id):
            return
        if self.clock_quality().uncertainty_us > CLOCK_UNSURE_US:
            raise RecallError("the clock is in doubt, and an erasure has no way back: set the clock")
        now_us, means = self.eraser.clock.wall_us(), self._means.get(order.id, ())
        known = self.notes.get(order.id)
        self._over.discard(order.id)
        if known is None or known.done_us:
            await self._enter(order, "begun" if self._is_meant(order) else "heard", {})
        note = replace(known or OrderNote(order.id, order.entry.id, order.issuer, now_us), done_us=0, told_us=0)
        await self._keep(note)
        kept = await self.eraser.carry_out(order) if self._is_meant(order) else await self.eraser.find_own(order)
        await self.on_kept(kept)
        receipt = await asyncio.to_thread(receipt_of, order, note, kept, self.eraser, self.pages)
        if receipt is not None:
            await self._enter(order, "done", _counts(receipt))
        page = NotePage([one.code for one in means], receipt)
        await self._keep(replace(note, done_us=self.eraser.clock.wall_us(), facts=msgspec.json.encode(page).decode()))
        await asyncio.to_thread(self._load_tombs)
        self._close()
        if receipt is not None:
            log.info("recall %s: %d erased, %d masked, %d kept", order.id, receipt.erased, receipt.masked, receipt.kept)

    async def _enter(self, order: Order, word: str, counts: Mapping[str, int | str]) -> None:
        if self.noting is not None:
            await self.noting(order, word, counts)

    async def _look_again(self) -> None:
        """Batches that were damaged while an order was carried out are here again, maybe with rows that it took."""
        for code in sorted({one.code for order in self.due.values() for one in self._meant(order) if self._unwalked(one.code)}):
            try:
                await self._walk_again(code)
            except FAILURES as error:
                self.fault = f"{code}: {error}"
                log.warning("recalls of %s wait: %s", code, error)

    async def _walk_again(self, code: str) -> None:
        journal = self.eraser.journal
        put_back = journal.repaired(code).put_back
        meant = [(order, one) for order in self.due.values() for one in self._means.get(order.id, ()) if one.code == code]
        if any([await self.eraser.walk(order, resource, Kept()) for order, resource in meant]):
            await self.eraser.marts.wipe(code)
            await self.eraser.leave_no_trace()
            await asyncio.to_thread(self._load_tombs)
        await self.eraser.runtime.beside_commits(lambda: journal.enter("note of a recall", lambda db: note_walk(db, code, put_back)))
        self._walked[code] = put_back

    async def _keep(self, note: OrderNote) -> None:
        journal = self.eraser.journal
        await self.eraser.runtime.beside_commits(lambda: journal.enter("note of a recall", lambda db: recalled.keep_note(db, note)))
        self.notes[note.id] = note
        self._carried.pop(note.id, None)

    # ---- what is over

    async def _regain(self) -> None:
        """Let tombstones bind no longer whose order is over, and ask for what was erased under it."""
        try:
            if self._erasing & self._in_force() != self._bound:
                await asyncio.to_thread(self._load_tombs)
            if self.regaining is not None:
                self.regaining.over(self._erasing - self._bound)
                await self.regaining.round()
        except FAILURES as error:
            self.fault = f"what was recalled does not come again: {error}"
            log.warning("%s", self.fault)

    def _in_force(self) -> frozenset[str]:
        """Orders that bind: no clock that is in doubt ends one."""
        due = frozenset(self.due)
        is_sure = self.clock_quality().uncertainty_us <= CLOCK_UNSURE_US
        return due if is_sure else due | orders_known(self.eraser.policy.ruleset)

    def _load_tombs(self) -> None:
        """Blocking; raises JournalError."""
        in_force, since_us = self._in_force(), self.eraser.clock.wall_us() - TOMBSTONE_LIFE_US
        binding: list[tuple[Stream, int, int]] = []
        over: list[tuple[Stream, int, int]] = []
        erasing: set[str] = set()
        for order, at_us, stream, first, last in self.eraser.journal.look("read of tombstones", lambda db: [*recalled.tombstones(db)]):
            erasing.add(order)
            if order in in_force:
                binding.append((stream, first, last))
            elif at_us >= since_us:
                over.append((stream, first, last))
        self.tombs.node = self.eraser.node
        self.tombs.hold(binding, over)
        self._erasing, self._bound = frozenset(erasing), frozenset(erasing & in_force)

    def _is_meant(self, order: Order) -> bool:
        return bool(self._meant(order))

    # ---- receipts

    async def _tell(self, order: Order) -> None:
        note = self.notes.get(order.id)
        receipt = read_page(note.facts).receipt if note is not None and note.done_us and not note.told_us else None
        if note is None or receipt is None:
            return
        bodies = pages_of(receipt)
        issuer = Party(order.issuer, self.territory_of(order.issuer))
        case = await self.cases.open(RECALL, bodies[0], by=self.eraser.node, parties={ISSUER: issuer})
        for body in bodies[1:]:
            await self.cases.say(RECALL, case.id, "add", body, by=self.eraser.node)
        await self._keep(replace(note, told_us=self.eraser.clock.wall_us()))

    def lists(self) -> dict[str, OpenList]:
        """The open lists of all orders of which receipts are here. Blocking."""
        return open_lists(self.cases.register.cases(RECALL, limit=CASES_MAX))

    def troubles(self) -> list[str]:
        """Words for the status."""
        pending = any(not self.is_done(order_id) for order_id in self.due)
        is_open = any(one.missing for order_id, one in self._open.items() if self._is_mine(order_id))
        return [PENDING] * pending + [OPEN] * is_open

    def _is_mine(self, order_id: str) -> bool:
        order = self.due.get(order_id)
        return order is not None and order.issuer == self.eraser.node


def _counts(receipt: Receipt) -> dict[str, int | str]:
    """What the audit log says of a receipt."""
    return {"erased": receipt.erased, "masked": receipt.masked, "kept": receipt.kept, "root": receipt.root}

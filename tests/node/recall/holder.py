"""Holders of records: real journals, engines and runtimes without links, under bundles that a province really signs.

    province = Issuing(new_seal(folder))        # keys, and the bundle that every holder takes
    city = Holder(folder, "qingdao", Level.MUNICIPAL, province)
    city.hold([{"value": 3.0}], origin="badaguan", distance=2)
    async with city.running(): ...              # the engine begins from what was held
    province.recall(predicate="value > 100")    # the next epoch
    city.take(province)
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from node.cases.desk import CaseDesk
from node.clock import HybridClock
from node.engine.pipeline import Pipeline, Self
from node.identity.bundle_seal import BundleSeal
from node.ingest.inbox import Inbox
from node.policy.store import PolicyStore
from node.recall.desk import RecallDesk
from node.recall.eraser import Eraser
from node.runtime import Runtime
from node.store.marts import Marts
from node.store.records import live_rows
from policies import Bundle, CompiledGate, Ruleset, SignedBundle, Station
from policies.catalogue import Resource, Scalar
from policies.entry import Basis, Entry, Retroactive
from policies.presets import preset_bundle
from policies.regrade import Regrade, streams_of
from policies.words import Verdict, Way
from sync.core.engine import Engine
from sync.model import DEFAULT_LIMITS, ClockQuality, Lane, Level, State, StoredBatch
from tests.contracts.batches import commit_of
from tests.node.identity.family import DAY_US, NOW_US, PROVINCE, StandingClock, make_node
from tests.node.shelf import INCARNATION, Shelf, open_shelf
from tests.sync.core.rig import RigVouch

RESOURCE = "air-quality"
CANARY = "kzq7-canary-w0v3n-19x"
"""Text of a record that is recalled; looked for in every file."""
QUOTE = "High readings stay where they were taken."
BASIS = Basis("an invented order", "article 1", QUOTE, hashlib.sha256(QUOTE.encode()).hexdigest())


def entry(**change: Any) -> Entry:
    """An entry that recalls what is above 100, in force today."""
    made = Entry(
        id="NL-1", effect=Verdict.DENY, resource=RESOURCE, predicate="value > 100", ways=(Way.UP,), basis=BASIS, proposer="li",
        approver="zhao (shandong)", valid_from_us=NOW_US - DAY_US, valid_to_us=NOW_US + 100 * DAY_US, retroactive=Retroactive.RECALL,
    )  # fmt: skip
    return replace(made, **change)


def new_seal(folder: Path) -> BundleSeal:
    """The keys of a province."""
    return BundleSeal(make_node(folder, PROVINCE))


class Issuing:
    """A province that signs bundles."""

    def __init__(self, seal: BundleSeal) -> None:
        self.seal = seal
        self.bundle: Bundle = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=NOW_US * 2)

    def list(self, *entries: Entry) -> None:
        """Make `entries` the negative list of the next epoch."""
        self.bundle = replace(self.bundle, epoch=self.bundle.epoch + 1, contents=replace(self.bundle.contents, entries=entries))

    def catalogue(self, resources: Sequence[Resource]) -> None:
        """Make `resources` the catalogue of the next epoch."""
        contents = replace(self.bundle.contents, catalogue=tuple(resources))
        self.bundle = replace(self.bundle, epoch=self.bundle.epoch + 1, contents=contents)

    def regrade(self, resource: str, grade: int, *, origin: str) -> None:
        """Raise the first record of `origin`, with the next epoch."""
        basis = Basis("i", "1", "q", hashlib.sha256(b"q").hexdigest())
        raised = Regrade("RG-1", resource, True, grade, streams_of([(origin, INCARNATION, 1, 1)]), basis, "li", "wang", 1)
        self.bundle = replace(self.bundle, epoch=self.bundle.epoch + 1, contents=replace(self.bundle.contents, regrades=(raised,)))

    @property
    def signed(self) -> SignedBundle:
        """The bundle as it spreads."""
        return self.seal.sign(self.bundle)


def _gate(station: Station, clock: StandingClock, rules: Ruleset) -> CompiledGate:
    return CompiledGate(rules, station, now_us=clock.wall_us())


class Holder:
    """One node that holds records of others and its own."""

    def __init__(self, folder: Path, node: str, level: Level, province: Issuing, cases: CaseDesk, *, clock: StandingClock) -> None:
        self.folder = folder / node
        self.folder.mkdir(parents=True, exist_ok=True)
        self.node, self.level, self.clock, self.cases = node, level, clock, cases
        self.shelf: Shelf = open_shelf(self.folder, node=node)
        self.policy = PolicyStore(
            self.folder / "policy", seal=province.seal, compile_gate=partial(_gate, Station(node, level), clock), clock=clock
        )
        self.policy.install(province.signed)
        self.quality = ClockQuality()

    def hold(self, rows: Sequence[Mapping[str, Scalar]], *, origin: str, distance: int, duplicate: bool = False) -> StoredBatch:
        """Store rows as they came from `origin`; before `running`."""
        return self.shelf.add(RESOURCE, [dict(row) for row in rows], origin=origin, distance=distance, duplicate=duplicate)

    def hold_batches(self, batches: Sequence[StoredBatch]) -> None:
        """Store batches that were made elsewhere."""
        self.shelf.journal.commit(commit_of(*batches))

    def take(self, province: Issuing) -> None:
        """Hear of the newest bundle, as a link would bring it."""
        self.policy.take([province.signed.encode()])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RecallDesk]:
        """The node's engine and its desk of recalls; the desk's rounds are the test's to call."""
        journal = self.shelf.journal
        engine = Engine(
            node=self.node, incarnation=INCARNATION, has_parent=True, version=self.policy.version, recovered=journal.recover(),
            limits=DEFAULT_LIMITS, clock=ClockQuality(),
        )  # fmt: skip
        self.pipeline = Pipeline(
            me=Self(self.node, self.level, "3702"), journal=journal, gate_of=lambda: self.policy.gate, vouch=RigVouch(self.node),
            limits=DEFAULT_LIMITS,
        )  # fmt: skip
        self.runtime = Runtime(
            engine=engine, journal=journal, pipeline=self.pipeline, records=Inbox({}, on_data=lambda: None),
            lane_of=lambda resource: (Lane.BULK, 1), clock=self.clock, hybrid=HybridClock(self.clock),
        )  # fmt: skip
        self.marts = Marts(self.folder / "marts", journal)
        life = asyncio.create_task(self.runtime.run())
        eraser = Eraser(self.node, self.level, journal, self.runtime, self.policy, self.marts, self.clock)
        desk = RecallDesk(self.cases, eraser, lambda: self.quality, self.policy.territory_of)
        desk.start()
        self.policy.closed = self.marts.closed = desk.refusal
        self.pipeline.recalled = desk.tombs.left
        self.policy.on_new = desk.look
        try:
            yield desk
        finally:
            self.marts.close()
            self.runtime.stop()
            await life

    def values(self) -> list[float]:
        """The values that are here, duplicates left out."""
        found: list[float] = []
        for stored in self.shelf.journal.recent(RESOURCE, limit=1_000):
            found += live_values(stored)
        return sorted(found)

    def traces(self, needle: bytes) -> list[str]:
        """Files below the node's folder that hold `needle`."""
        return [path.name for path in sorted(self.folder.rglob("*")) if path.is_file() and needle in path.read_bytes()]


def live_values(stored: StoredBatch) -> list[float]:
    """Values of the rows of a batch that count."""
    table = live_rows(stored)
    return [] if table is None else [float(value) for value in table.column("value").to_pylist() if value is not None]


def air(*values: float, text: str | None = None) -> list[dict[str, Scalar]]:
    """Rows of air quality."""
    return [{"value": value} | ({"text": text} if text else {}) for value in values]


def states(one: Holder) -> list[tuple[str, int, int, State]]:
    """What a holder accounts for: origin, first and last number, state."""
    streams = one.shelf.journal.recover().streams
    return [(stream.origin, part.first, part.last, part.state) for stream, found in sorted(streams.items()) for part in found]

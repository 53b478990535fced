"""The engine of a node with what it stands on: policy, journal, pipeline, inbox, and the runtime that turns it.

Owns how they are opened and wired, and what of the configuration the engine gets. Called by node/assembly.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.clock import Clock, HybridClock
from node.config.config import NodeConfig
from node.engine.deferral import FreshFirst
from node.engine.pipeline import Pipeline, Self
from node.identity.bundle_seal import BundleSeal
from node.identity.chance import new_incarnation
from node.identity.files import IdentityFiles
from node.identity.passport import Passport
from node.ingest.inbox import Inbox
from node.links.caps import cap_table
from node.policy.store import PolicyStore
from node.runtime import Runtime
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import tuning_under
from policies.bundle import schemas_of
from policies.gate import CompiledGate, Station
from policies.masks import KeyRing
from policies.presets import PRESET_LEVELS, city_bundle_contents, preset_bundle
from policies.ruleset import Ruleset
from sync.core.engine import Engine
from sync.core.lanes import FRESH_FIRST_LANES
from sync.model import MICROSECONDS, ClockQuality, Lane, Level

log = logging.getLogger("yunnao.node")

POLICY_LIFE_US = 400 * 86_400 * MICROSECONDS
"""How long the bundle that a node issues at its first start is in force."""

BACKDATED_US = 3_600 * MICROSECONDS
"""A bundle begins this long before it is made, so that peers whose clocks are behind take it."""

SCHEMA_VERSION = 1
"""Version of the catalogue's record layouts that this program writes."""


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """What one turn of a node touches."""

    policy: PolicyStore
    schemas: dict[str, pa.Schema]
    journal: SqliteJournal
    inbox: Inbox
    hybrid: HybridClock
    runtime: Runtime


def open_engine_room(config: NodeConfig, passport: Passport) -> EngineRoom:
    """Open the journal and put the engine on it. Raises NodeError, PolicyError or JournalError with the way out."""
    me, clock = passport.me, passport.clock
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    policy = _policy(config, passport.files, clock)
    tuning = tuning_under(config.file.storage.quota_mb << 20)
    journal = open_journal(journal_path(config), node=me.node, incarnation=me.incarnation, life=new_incarnation(), tuning=tuning)
    fresh = FreshFirst.of(config.links.fresh_first)
    pipeline = Pipeline(
        me=Self(me.node, me.level, me.territory),
        journal=journal,
        gate_of=lambda: policy.gate,
        vouch=passport.vouch,
        limits=config.limits,
        fresh=fresh,
    )
    lane_of = _lanes(policy)
    schemas, hybrid = record_layouts(policy), HybridClock(clock)
    wake: list[Callable[[], None]] = []
    inbox = Inbox(schemas, on_data=lambda: wake[0](), limits=config.limits)
    runtime = Runtime(
        engine=_engine(config, passport, policy, journal),
        journal=journal,
        pipeline=pipeline,
        records=inbox,
        lane_of=lane_of,
        clock=clock,
        hybrid=hybrid,
    )
    wake.append(runtime.wake)
    runtime.stage_marks = journal.door.stage
    _check_fresh(fresh, lane_of)
    return EngineRoom(policy, schemas, journal, inbox, hybrid, runtime)


def _check_fresh(fresh: FreshFirst, lane_of: Callable[[str], tuple[Lane, int]]) -> None:
    """Say which names in links.fresh_first put nothing off; the catalogue may still change, so this is no error."""
    for resource in sorted(fresh.resources):
        try:
            lane, _ = lane_of(resource)
        except KeyError:
            log.warning("links.fresh_first names %s, which is neither a lane nor a resource of the catalogue in force", resource)
            continue
        if lane not in FRESH_FIRST_LANES:
            log.warning("links.fresh_first names %s, which is of lane %s and stays oldest-first", resource, lane.word)


def _engine(config: NodeConfig, passport: Passport, policy: PolicyStore, journal: SqliteJournal) -> Engine:
    engine = Engine(
        node=passport.me.node,
        incarnation=passport.me.incarnation,
        has_parent=passport.parent is not None,
        version=policy.version,
        recovered=journal.recover(),
        limits=config.limits,
        clock=ClockQuality(),
        program=passport.me.software,
    )
    engine.caps = cap_table(config.links, passport.clock)
    engine.fresh_first = FreshFirst.of(config.links.fresh_first).lanes
    return engine


def journal_path(config: NodeConfig) -> Path:
    """Where the node's journal lies."""
    return config.data_dir / "journal.db"


def _policy(config: NodeConfig, files: IdentityFiles, clock: Clock) -> PolicyStore:
    seal, secret = BundleSeal(files), files.pseudonym_secret()

    def compile_gate(ruleset: Ruleset) -> CompiledGate:
        station = Station(config.node.id, config.level, pseudonym_keys(secret, ruleset))
        return CompiledGate(ruleset, station, now_us=clock.wall_us())

    policy = PolicyStore(config.folder / "policy", seal=seal, compile_gate=compile_gate, clock=clock)
    if config.level in PRESET_LEVELS and policy.held(config.node.id) is None:
        now_us = clock.wall_us()
        bundle = preset_bundle(
            config.level, issuer=config.node.id, not_before_us=now_us - BACKDATED_US, not_after_us=now_us + POLICY_LIFE_US
        )
        policy.install(seal.sign(bundle))
    return policy


def pseudonym_keys(secret: bytes, ruleset: Ruleset) -> KeyRing:
    """This node's pseudonym keys, one per key id that a mask in force names, all derived from one secret (HKDF, RFC 5869)."""
    names = {mask.key for mask in ruleset.masks.values() if mask.key}
    return KeyRing(
        {name: HKDF(SHA256(), 32, salt=None, info=b"yunnao-pseudonym-1 " + name.encode()).derive(secret) for name in sorted(names)}
    )


def record_layouts(policy: PolicyStore) -> dict[str, pa.Schema]:
    """The record layouts of the catalogue; those that ship serve a node that has met no parent yet, whose records are held until it has."""
    shipped = schemas_of(city_bundle_contents(Level.PROVINCIAL).catalogue)
    return shipped | schemas_of(tuple(policy.ruleset.resources.values()))


def shipped_codes() -> frozenset[str]:
    """The resources that the program itself writes and reads."""
    return frozenset(resource.code for resource in city_bundle_contents(Level.PROVINCIAL).catalogue)


def _lanes(policy: PolicyStore) -> Callable[[str], tuple[Lane, int]]:
    shipped = {resource.code: resource.lane for resource in city_bundle_contents(Level.PROVINCIAL).catalogue}

    def lane_of(code: str) -> tuple[Lane, int]:
        known = policy.ruleset.resources.get(code)
        return (known.lane if known else shipped[code]), SCHEMA_VERSION

    return lane_of

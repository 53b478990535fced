"""The folders of a chain of nodes, as `yunnao init` and `yunnao join` leave them, and a backlog in the journal of the lowest.

Joins go through the real admissions, without a network. Called by chain_bench.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks import workload
from benchmarks.workload import Rules
from node.config.config import load_config
from node.config.template import render_config, write_config
from node.files import write_durably
from node.identity.admissions import Admissions, JoinAsk
from node.identity.bundle_seal import BundleSeal
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.token import prove
from node.store.journal import open_journal
from sync.core.engine import Engine
from sync.core.ready import LocalBatch
from sync.model import DEFAULT_LIMITS, ClockQuality, Instant, Level, PolicyVersion, Territory

NODES = (
    NodeFacts("province", Level.PROVINCIAL, Territory("37")),
    NodeFacts("city", Level.MUNICIPAL, Territory("3702")),
    NodeFacts("district", Level.DISTRICT, Territory("370202")),
    NodeFacts("street", Level.STREET, Territory("370202006")),
    NodeFacts("grid", Level.GRID, Territory("370202006001001")),
)
"""From the top down; a chain of n hops takes the first n + 1."""

LOCAL = "127.0.0.1:0"
COMMIT_BATCHES = 8
"""Batches in one commit of the backlog, and in one of the raw append beside a run."""


def make_chain(folder: Path, *, hops: int, rules: Rules, now_us: int) -> list[Path]:
    """The folders of `hops` + 1 nodes from the top down, joined and holding the same policy."""
    chain = [_make_node(folder / facts.node, facts, now_us=now_us) for facts in NODES[: hops + 1]]
    for parent, child, facts in zip(chain, chain[1:], NODES[1:], strict=False):
        _join(parent, child, facts, now_us=now_us)
    signed = BundleSeal(chain[0]).sign(workload.bundle(rules, NODES[0].node)).encode()
    for files in chain:
        (files.folder / "policy").mkdir(mode=0o700)
        write_durably(files.folder / "policy" / f"{NODES[0].node}.json", signed)
    return [files.folder for files in chain]


def _make_node(folder: Path, facts: NodeFacts, *, now_us: int) -> IdentityFiles:
    listen = "" if facts.level is Level.GRID else LOCAL
    text = render_config(node=facts.node, level=facts.level, territory=facts.territory, listen=listen, devices_listen=(LOCAL,))
    write_config(folder / "node.toml", text.replace("anonymous = false", "anonymous = true"))
    files = IdentityFiles(folder)
    files.make(facts, now_us=now_us)
    return files


def _join(parent: IdentityFiles, child: IdentityFiles, facts: NodeFacts, *, now_us: int) -> None:
    admissions = Admissions(parent.database, parent.authority())
    try:
        token, _ = admissions.create_token(
            ca_sha256=parent.ca_sha256(), level=facts.level, territory=facts.territory, ttl_s=60, auto_accept=True, now_us=now_us
        )
        csr = child.request(facts).public_bytes(Encoding.PEM).decode()
        ask = JoinAsk(token.id, prove(token.key, *JoinAsk.parts(csr, token.id)), csr)
        issued = admissions.ask(ask, own_path=parent.own(now_us=now_us).path, now_us=now_us)
    finally:
        admissions.close()
    chain = issued.certificate_pem.encode() + parent.read(parent.certificate("ca"))
    child.install(facts, ca_chain_pem=chain, root_pem=parent.root_pem(), now_us=now_us)
    child.certificate("parent").write_bytes(parent.tls().chain_pem)


def fill(folder: Path, backlog: Sequence[LocalBatch]) -> None:
    """Put `backlog` into the journal of the node at `folder`, numbered by the engine."""
    config = load_config(folder / "node.toml")
    incarnation = IdentityFiles(folder).incarnation()
    journal = open_journal(folder / "journal.db", node=config.node.id, incarnation=incarnation)
    engine = Engine(
        node=config.node.id, incarnation=incarnation, has_parent=True, version=PolicyVersion(), recovered=journal.recover(),
        limits=DEFAULT_LIMITS, clock=ClockQuality(),
    )  # fmt: skip
    for start in range(0, len(backlog), COMMIT_BATCHES):
        for batch in backlog[start : start + COMMIT_BATCHES]:
            engine.offer(batch, Instant(0))
        journal.commit(engine.ready(Instant(0)).writes)
        engine.advance()
    journal.close()

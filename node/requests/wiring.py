"""The requests of a node put together from its parts. Called by node/wiring.py."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.cases.kind import Kind
from node.emergency.kind import NAME as EMERGENCIES
from node.engine.engine_room import pseudonym_keys
from node.identity.chance import new_rng
from node.identity.keys import read_tls_key
from node.requests.arbiters import WHO, Parties
from node.requests.desk import RequestDesk
from node.requests.envelope import Seal
from node.requests.errors import TermsError
from node.requests.fetched import FILE_NAME as FETCHED_NAME
from node.requests.fetched import Fetched, FetchedDamaged
from node.requests.giving import FETCH, Giving
from node.requests.kind import NAME, request_kind
from node.requests.shares import FILE_NAME, Shares, SharesDamaged
from node.requests.taking import Taking
from node.requests.terms import Terms, read_terms, shipped_terms
from node.store.side_file import open_or_begin_anew
from node.tree.routes import RouteDesk
from policies.granting import RECIPIENT_KEY
from policies.masks import KeyRing

FETCHED_LOSS = "which pages were fetched before is in the file put aside: a recall of them is not answered for them"
LOSS = "what was handed out before is in the file put aside"
log = logging.getLogger("yunnao.requests")


@dataclass(frozen=True, slots=True)
class Requests:
    """The desk and what moves data."""

    desk: RequestDesk
    parties: Parties
    taking: Taking
    giving: Giving

    async def stop(self) -> None:
        """Release the share records and the book of what was fetched."""
        self.desk.shares.close()
        if self.taking.fetched is not None:
            self.taking.fetched.close()


def terms_of(parts: Parts) -> Terms:
    """The node's table of terms; one that cannot be read must not keep a node from storing records: that is said, and the other used."""
    try:
        return read_terms(parts.config.folder)
    except TermsError as error:
        log.error("%s; the table that ships is used until the next start", error)
        return shipped_terms()


def requests_of(parts: Parts, cases: CaseDesk, terms: Terms) -> Requests:
    """The requests; raises FetchRefused when the share records cannot be opened now."""
    shares = open_or_begin_anew(parts.config.data_dir / FILE_NAME, Shares, damaged=SharesDamaged, loss=LOSS)
    routes = RouteDesk(parts.me.node, parts.parent.node if parts.parent else "", parts.directory, parts.queries)
    kind, seal, files = cases.register.kinds[NAME], _seal(parts), parts.files
    desk = RequestDesk(cases, kind, terms, lambda: parts.policy.ruleset, shares, parts.clock)
    giving = _giving(parts, cases, kind, shares, seal)
    emergencies = cases.register.kinds.get(EMERGENCIES)
    giving.others = emergencies
    giving.above = frozenset((*parts.parent.path, parts.parent.node)) if parts.parent is not None else frozenset()
    fetched = open_or_begin_anew(parts.config.data_dir / FETCHED_NAME, Fetched, damaged=FetchedDamaged, loss=FETCHED_LOSS)
    taking = Taking(cases, kind, parts.policy, routes, seal, parts.me.level, parts.clock, others=emergencies, fetched=fetched)
    routes.answering[FETCH] = giving.answer

    async def who(_: bytes) -> bytes:
        return files.tls().chain_pem

    routes.answering[WHO] = who
    return Requests(desk, Parties(cases.me, parts.me.level, lambda: parts.directory, routes, files.root_pem), taking, giving)


def _giving(parts: Parts, cases: CaseDesk, kind: Kind, shares: Shares, seal: Seal) -> Giving:
    secret = parts.files.pseudonym_secret()

    def recipient_keys(asker: str, resource: str) -> KeyRing:
        """One ring per recipient and resource, all from the node's secret (HKDF, RFC 5869)."""
        info = b"yunnao-recipient-1 " + asker.encode() + b" " + resource.encode()
        own = HKDF(SHA256(), 32, salt=None, info=info).derive(secret)
        return KeyRing({**pseudonym_keys(own, parts.policy.ruleset).keys, RECIPIENT_KEY: own})

    return Giving(
        cases=cases,
        kind=kind,
        policy=parts.policy,
        journal=parts.journal,
        shares=shares,
        seal=seal,
        clock=parts.clock,
        clock_quality=lambda: parts.runtime.engine.clock,
        recipient_keys=recipient_keys,
        rng=new_rng(),
    )


def _seal(parts: Parts) -> Seal:
    files = parts.files
    return Seal(
        sign=lambda data: files.manifest_key().sign(data),
        chain_pem=lambda: files.tls().chain_pem,
        root_pem=files.root_pem,
        tls_key=lambda: read_tls_key(files.key("tls")),
        now_us=parts.clock.wall_us,
    )


__all__ = ["Requests", "request_kind", "requests_of", "terms_of"]

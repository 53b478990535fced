"""Issued tokens and asked admissions of a node's children, in `identity.db`. Decides who becomes a child.

Tokens are stored by their key hash and consumed in the transaction that notes the admission, so none is ever used twice whatever
crashes. The certificate comes from authority.py. Called by the join service, the `token` and `admit` verbs and the local API; each may
hold its own connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import sqlite_utils
from cryptography import x509

from node.identity.authority import CertificateAuthority, read_request
from node.identity.certificates import to_pem
from node.identity.errors import ChainError, Check, IdentityError, JoinRefused, Refusal
from node.identity.facts import NodeFacts
from node.identity.fingerprint import fingerprint
from node.identity.token import JoinToken, proof_holds
from sync.model import Level, Territory

TOKEN_TTL_S_MAX = 30 * 86_400
"""A token lives at most 30 days."""
PENDING_MAX = 1_000
"""Admissions that may wait for an operator."""
BUSY_TIMEOUT_S = 5.0


class Stage(Enum):
    """Where an admission stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Admission:
    """One node that asked to become a child."""

    node: str
    level: Level
    territory: Territory
    fingerprint: str
    """Short form of the SHA-256 of the child's CA key; both screens show it."""
    stage: Stage
    asked_us: int
    certificate_pem: str = ""
    """The issued CA certificate; empty unless accepted."""


@dataclass(frozen=True, slots=True)
class JoinAsk:
    """What a child asks for and proves."""

    token_id: str
    proof: str
    csr_pem: str

    @staticmethod
    def parts(csr_pem: str, token_id: str) -> tuple[str, ...]:
        """What the proof covers."""
        return (token_id, csr_pem)


class Admissions:
    """The tokens and admissions of one parent."""

    def __init__(self, path: Path, authority: CertificateAuthority) -> None:
        """Open or make the store at `path`; raises IdentityError when the file is not a database."""
        self._authority = authority
        self._db = _open(path)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def issue_with(self, authority: CertificateAuthority) -> None:
        """From now on issue with this authority: the node's CA certificate was renewed."""
        self._authority = authority

    def create_token(
        self, *, ca_sha256: str, level: Level, territory: Territory, ttl_s: float, auto_accept: bool, now_us: int
    ) -> tuple[JoinToken, int]:
        """A token for one node of `level` or below inside `territory`, and when it ends (microseconds since 1970 UTC).

        Raises ChainError for a level or territory that is not below this node, IdentityError for a life out of bounds.
        """
        if not 0 < ttl_s <= TOKEN_TTL_S_MAX:
            raise IdentityError(f"a token cannot live {ttl_s:g} s: choose more than 0 and at most {TOKEN_TTL_S_MAX}")
        self._authority.check(node="a token", level=level, territory=territory)
        token, expires_us = JoinToken.new(ca_sha256), now_us + round(ttl_s * 1_000_000)
        row = (token.id, token.key, int(level), territory.code, territory.system, territory.edition, int(auto_accept), expires_us)
        with self._transaction():
            self._sql("DELETE FROM tokens WHERE expires_us < ?", (now_us - TOKEN_TTL_S_MAX * 1_000_000,))
            self._sql("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)
        return token, expires_us

    def ask(self, ask: JoinAsk, *, own_path: tuple[str, ...], now_us: int) -> Admission:
        """Check a child's request and note it, consuming its token; issues at once when the token says so. Raises JoinRefused.

        A repeated request of the same key with the same token finds its admission again, so a lost answer costs nothing.
        """
        csr, facts = _request(ask.csr_pem)
        with self._transaction():
            token = self._proven_token(ask)
            if token["used_by"] is not None:
                return self._again(token, facts.node, fingerprint(csr))
            self._check_token(token, facts, now_us)
            self._check_free(facts.node, fingerprint(csr), own_path)
            self._note(csr, ask, facts, now_us)
            self._sql("UPDATE tokens SET used_by = ? WHERE id = ?", (facts.node, ask.token_id))
            if token["auto_accept"]:
                self._issue(facts.node, now_us)
            return self._get(facts.node)

    def find(self, node: str, print_of_key: str) -> Admission:
        """The admission of `node` asked with this key; raises JoinRefused(UNKNOWN_NODE)."""
        row = self._row(node)
        if row is None or row["fingerprint"] != print_of_key:
            raise JoinRefused(Refusal.UNKNOWN_NODE, f"{node} has not asked to join here with this key: run `yunnao join` again")
        return _admission(row)

    def pending(self) -> list[Admission]:
        """Admissions that wait for an operator, oldest first."""
        rows = self._sql("SELECT * FROM admissions WHERE stage = 'pending' ORDER BY asked_us, node")
        return [_admission(row) for row in rows]

    def all(self) -> list[Admission]:
        """Every admission, by node id."""
        return [_admission(row) for row in self._sql("SELECT * FROM admissions ORDER BY node")]

    def accept(self, node: str, *, now_us: int) -> Admission:
        """Issue the waiting node's certificate; raises JoinRefused(UNKNOWN_NODE) when none waits."""
        with self._transaction():
            self._require(node, Stage.PENDING)
            self._issue(node, now_us)
            return self._get(node)

    def refuse(self, node: str) -> Admission:
        """Refuse a waiting node or dismiss an accepted one; its id becomes free and its certificate is not renewed. Raises JoinRefused."""
        with self._transaction():
            self._require(node, Stage.PENDING, Stage.ACCEPTED)
            self._sql("UPDATE admissions SET stage = 'refused', certificate_pem = '' WHERE node = ?", (node,))
            return self._get(node)

    def is_admitted(self, node: str) -> bool:
        """True when `node` is accepted as a child now: ask when its link opens."""
        row = self._row(node)
        return row is not None and row["stage"] == Stage.ACCEPTED.value

    def renew(self, csr_pem: str, *, now_us: int) -> Admission:
        """A new certificate for an accepted child's same key, whatever the dates of the old one; raises JoinRefused."""
        csr, facts = _request(csr_pem)
        with self._transaction():
            held = self.find(facts.node, fingerprint(csr))
            if held.stage is not Stage.ACCEPTED or (held.level, held.territory) != (facts.level, facts.territory):
                raise JoinRefused(Refusal.UNKNOWN_NODE, f"{facts.node} is {held.stage.value} here: ask the operator, or join again")
            self._issue(facts.node, now_us)
            return self._get(facts.node)

    def adopt(self, csr_pem: str, *, own_path: tuple[str, ...], now_us: int) -> Admission:
        """Certify a node that an order put below this one, for the key that it was certified for before; the caller has checked both.

        From now on it is a child like any other. Raises JoinRefused: outside this node's territory, its id taken, dismissed here.
        """
        csr, facts = _request(csr_pem)
        with self._transaction():
            row = self._row(facts.node)
            if row is not None and row["stage"] == Stage.REFUSED.value and row["fingerprint"] == fingerprint(csr):
                raise JoinRefused(Refusal.BY_OPERATOR, f"the operator dismissed {facts.node} here: ask there, then join with a new token")
            self._check_free(facts.node, fingerprint(csr), own_path)
            self._note(csr, JoinAsk("", "", csr_pem), facts, now_us)
            self._issue(facts.node, now_us)
            return self._get(facts.node)

    def learned_keys(self) -> dict[str, tuple[bytes, ...]]:
        """Manifest keys kept from verified chains, by node, oldest first: what KeyDirectory starts with."""
        keys: dict[str, tuple[bytes, ...]] = {}
        for row in self._sql("SELECT node, key FROM manifest_keys ORDER BY node, learned_us, rowid"):
            keys[row["node"]] = (*keys.get(row["node"], ()), row["key"])
        return keys

    def keep_key(self, node: str, key: bytes, *, now_us: int) -> None:
        """Keep a manifest key that a verified chain carried; a known one is left as it is."""
        with self._transaction():
            self._sql("INSERT OR IGNORE INTO manifest_keys VALUES (?, ?, ?)", (node, key, now_us))

    def newest_signed_time_us(self) -> int:
        """The newest time a parent signed for us, 0 when none did: the floor of the clock that judges dates."""
        row = self._sql("SELECT time_us FROM signed_time").fetchone()
        return int(row["time_us"]) if row else 0

    def keep_signed_time(self, time_us: int) -> None:
        """Raise the floor of the clock to `time_us`; an earlier one is ignored."""
        with self._transaction():
            statement = "INSERT INTO signed_time VALUES (0, ?) ON CONFLICT (id) DO UPDATE SET time_us = max(time_us, excluded.time_us)"
            self._sql(statement, (time_us,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sql("BEGIN IMMEDIATE")
        try:
            yield
            self._sql("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._sql("ROLLBACK")
            raise

    def _sql(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise IdentityError(f"the store of tokens and admissions failed ({error}): free disk space, or try again") from error

    def _proven_token(self, ask: JoinAsk) -> sqlite3.Row:
        row: sqlite3.Row | None = self._sql("SELECT * FROM tokens WHERE id = ?", (ask.token_id,)).fetchone()
        if row is None or not proof_holds(row["key"], ask.proof, *JoinAsk.parts(ask.csr_pem, ask.token_id)):
            raise JoinRefused(Refusal.WRONG_TOKEN, "no token of this node fits: copy it whole, or make another with `yunnao token create`")
        return row

    def _again(self, token: sqlite3.Row, node: str, print_of_key: str) -> Admission:
        row = self._row(node)
        if token["used_by"] != node or row is None or (row["token_id"], row["fingerprint"]) != (token["id"], print_of_key):
            raise JoinRefused(Refusal.USED, f"this token admitted {token['used_by']} before: make a new one with `yunnao token create`")
        return _admission(row)

    def _check_token(self, token: sqlite3.Row, facts: NodeFacts, now_us: int) -> None:
        if now_us > token["expires_us"]:
            late_s = (now_us - token["expires_us"]) // 1_000_000
            raise JoinRefused(Refusal.EXPIRED, f"the token ended {late_s} s ago: make a new one with `yunnao token create`")
        try:
            self._authority.check(node=facts.node, level=facts.level, territory=facts.territory)
        except ChainError as error:
            raise JoinRefused(_refusal_of(error), str(error)) from error
        if facts.level > token["level"]:
            allowed = Level(token["level"]).word
            raise JoinRefused(Refusal.LEVEL, f"{facts.node} asks for level {facts.level.word}, the token allows {allowed} and below")
        granted = Territory(token["territory"], token["system"], token["edition"])
        if not granted.contains(facts.territory):
            raise JoinRefused(Refusal.OUTSIDE_TERRITORY, f"{facts.node} asks for {facts.territory.code}, the token is for {granted.code}")

    def _check_free(self, node: str, print_of_key: str, own_path: tuple[str, ...]) -> None:
        row = self._row(node)
        is_other = row is not None and row["stage"] != Stage.REFUSED.value and row["fingerprint"] != print_of_key
        if node in own_path or is_other:
            message = f"{node} is the id of another node: choose another, or dismiss that one with `yunnao admit {node} --refuse`"
            raise JoinRefused(Refusal.NODE_TAKEN, message)
        waiting = self._sql("SELECT count(*) FROM admissions WHERE stage = 'pending'").fetchone()[0]
        if waiting >= PENDING_MAX:
            raise JoinRefused(Refusal.BUSY, f"{waiting} nodes wait for the operator: try again when some are decided")

    def _note(self, csr: x509.CertificateSigningRequest, ask: JoinAsk, facts: NodeFacts, now_us: int) -> None:
        area = facts.territory
        row = (facts.node, int(facts.level), area.code, area.system, area.edition, fingerprint(csr), ask.csr_pem, ask.token_id, now_us)
        self._sql("INSERT OR REPLACE INTO admissions VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, '')", row)

    def _issue(self, node: str, now_us: int) -> None:
        row = self._require(node, Stage.PENDING, Stage.ACCEPTED)
        held = _admission(row)
        csr, _ = _request(row["csr_pem"])
        try:
            certificate = self._authority.issue(csr, level=held.level, territory=held.territory, now_us=now_us)
        except ChainError as error:
            raise JoinRefused(_refusal_of(error), str(error)) from error
        self._sql("UPDATE admissions SET stage = 'accepted', certificate_pem = ? WHERE node = ?", (to_pem(certificate).decode(), node))

    def _require(self, node: str, *stages: Stage) -> sqlite3.Row:
        row = self._row(node)
        if row is None or Stage(row["stage"]) not in stages:
            found = "unknown" if row is None else row["stage"]
            raise JoinRefused(Refusal.UNKNOWN_NODE, f"{node} is {found} here: `yunnao admit` lists who waits")
        return row

    def _get(self, node: str) -> Admission:
        return _admission(self._require(node, *Stage))

    def _row(self, node: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._sql("SELECT * FROM admissions WHERE node = ?", (node,)).fetchone()
        return row


def _request(csr_pem: str) -> tuple[x509.CertificateSigningRequest, NodeFacts]:
    try:
        return read_request(csr_pem.encode())
    except (UnicodeEncodeError, ChainError) as error:
        raise JoinRefused(Refusal.BAD_REQUEST, f"the certificate request does not hold ({error})") from error


def _refusal_of(error: ChainError) -> Refusal:
    words = {Check.WRONG_LEVEL: Refusal.LEVEL, Check.OUTSIDE_TERRITORY: Refusal.OUTSIDE_TERRITORY}
    return words.get(error.check, Refusal.BAD_REQUEST)


def _admission(row: sqlite3.Row) -> Admission:
    territory = Territory(row["territory"], row["system"], row["edition"])
    stage, asked_us = Stage(row["stage"]), row["asked_us"]
    return Admission(row["node"], Level(row["level"]), territory, row["fingerprint"], stage, asked_us, row["certificate_pem"])


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _migrate(sqlite_utils.Database(connection))
    except sqlite3.DatabaseError as error:
        connection.close()
        raise IdentityError(
            f"{path} cannot be opened as the store of tokens and admissions ({error}): move it away or restore it"
        ) from error
    connection.row_factory = sqlite3.Row
    return connection


def _migrate(db: sqlite_utils.Database) -> None:
    area = {"level": int, "territory": str, "system": str, "edition": str}
    db.table("tokens").create(
        {"id": str, "key": bytes, **area, "auto_accept": int, "expires_us": int, "used_by": str}, pk="id", if_not_exists=True
    )
    asked = {"fingerprint": str, "csr_pem": str, "token_id": str, "stage": str, "asked_us": int, "certificate_pem": str}
    db.table("admissions").create({"node": str, **area, **asked}, pk="node", if_not_exists=True)
    db.table("manifest_keys").create({"node": str, "key": bytes, "learned_us": int}, pk=("node", "key"), if_not_exists=True)
    db.table("signed_time").create({"id": int, "time_us": int}, pk="id", if_not_exists=True)

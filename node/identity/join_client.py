"""The child's side of the join service: join with a token, renew, ask for signed time. Trusts the token's pin and the stored root alone.

First the chain is fetched unverified and compared with the token's pin; then every exchange runs over TLS verified against that
chain's root and the parent's name, without dates, so that a node with a wrong clock or an expired certificate still gets an answer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from node.clock import Clock
from node.identity.admissions import JoinAsk
from node.identity.certificates import to_pem
from node.identity.chance import new_nonce
from node.identity.errors import ChainError, ForeignCa, JoinError, JoinRefused, JoinUnreachable, Refusal
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles, write_file
from node.identity.fingerprint import fingerprint
from node.identity.join_wire import (
    EXCHANGE_TIMEOUT_S,
    LINE_BYTES_MAX,
    Answer,
    Ask,
    AskChain,
    AskJoin,
    AskPoll,
    AskRenew,
    AskTime,
    Chain,
    Issued,
    Pending,
    Refused,
    SignedTime,
    decode_answer,
    encode_line,
    read_line,
    time_bytes,
)
from node.identity.token import JoinToken, prove
from node.identity.verify import PeerIdentity, check_same_node, load_chain, sha256_hex, verify_chain

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python's ssl module does not name."""
POLL_INTERVAL_S = 2.0


@dataclass(frozen=True, slots=True)
class JoinOutcome:
    """A finished join: the certificates are on disk."""

    node: str
    parent: PeerIdentity
    link_address: str
    """host:port where the parent accepts links; empty when it did not say."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Parent:
    """The parent as proven by a chain, and how to reach it."""

    address: str
    who: PeerIdentity
    root_pem: bytes
    chain_pem: bytes


async def join_parent(
    address: str,
    token_text: str,
    *,
    files: IdentityFiles,
    facts: NodeFacts,
    clock: Clock,
    on_pending: Callable[[str], None] | None = None,
    wait_s: float = 3_600.0,
    poll_interval_s: float = POLL_INTERVAL_S,
) -> JoinOutcome:
    """Join the parent at `address` (host:port) and write the certificates.

    Waits for the operator up to `wait_s` seconds after `on_pending(fingerprint)`. Raises JoinRefused with the parent's reason, ForeignCa,
    JoinUnreachable, ChainError; JoinError when nobody decided in time. A second call with the same token goes on where the first stopped.
    """
    token = JoinToken.parse(token_text)
    parent = await _pinned_parent(address, token, now_us=clock.wall_us())
    csr = files.request(facts)
    csr_pem = csr.public_bytes(Encoding.PEM).decode()
    proof = prove(token.key, *JoinAsk.parts(csr_pem, token.id))
    answer = await _ask_verified(parent, AskJoin(token.id, proof, csr_pem))
    if isinstance(answer, Pending):
        if on_pending is not None:
            on_pending(answer.fingerprint)
        answer = await _wait_decided(parent, AskPoll(facts.node, fingerprint(csr)), wait_s=wait_s, interval_s=poll_interval_s)
    issued = _expect_issued(answer)
    files.install(facts, ca_chain_pem=issued.chain.encode(), root_pem=parent.root_pem, now_us=clock.wall_us())
    write_file(files.certificate("parent"), parent.chain_pem)
    return JoinOutcome(facts.node, parent.who, issued.link_address, fingerprint(csr))


async def renew(address: str, *, files: IdentityFiles, facts: NodeFacts, clock: Clock, issuer: tuple[str, ...] = ()) -> None:
    """Renew this node's CA certificate, however long the old one has been out; when it is due says renewal.duties.

    Asks the known parent, whose stored chain is refreshed, or the node with the certification path `issuer`: one that an order made the
    parent, or that was before. The present chain goes along, because a new parent knows this node by it alone. Raises as join_parent. A
    provincial node has nobody to ask: its CA comes from the root key.
    """
    asked = await _node_of_path(address, issuer, files=files) if issuer else await refresh_parent(address, files=files)
    csr_pem = files.request(facts).public_bytes(Encoding.PEM).decode()
    present = files.read(files.certificate("tls")).decode()
    issued = _expect_issued(await _ask_verified(asked, AskRenew(csr_pem, present)))
    files.install(facts, ca_chain_pem=issued.chain.encode(), root_pem=asked.root_pem, now_us=clock.wall_us())


async def refresh_parent(address: str, *, files: IdentityFiles) -> _Parent:
    """Fetch the parent's present chain, check it against the pinned root and the known parent, and store it. Raises as join_parent.

    A parent that was certified anew elsewhere in the tree is known by its CA key, which it keeps.
    """
    parent = await _node_at(address, files=files)
    try:
        check_same_node(parent.chain_pem, files.read(files.certificate("parent")), root_pem=files.root_pem())
    except ChainError as error:
        raise ForeignCa(f"the node at {address} is not our parent ({error}): check [parent] join_address") from error
    write_file(files.certificate("parent"), parent.chain_pem)
    return parent


async def meet_parent(address: str, path: tuple[str, ...], *, files: IdentityFiles) -> None:
    """Take the node at `address` for the parent from now on, as an order says; its certification path must be `path`. Raises as `renew`."""
    parent = await _node_of_path(address, path, files=files)
    write_file(files.certificate("parent"), parent.chain_pem)


async def _node_of_path(address: str, path: tuple[str, ...], *, files: IdentityFiles) -> _Parent:
    parent = await _node_at(address, files=files)
    if parent.who.path != path:
        raise ForeignCa(f"the node at {address} is {' > '.join(parent.who.path)}, not {' > '.join(path)}: check where it listens")
    return parent


async def _node_at(address: str, *, files: IdentityFiles) -> _Parent:
    """Who answers at `address`, as its chain proves under the pinned root."""
    chain_pem = await _fetch_chain(address)
    try:
        who = verify_chain(chain_pem, root_pem=files.root_pem(), now_us=None)
    except ChainError as error:
        raise ForeignCa(f"the node at {address} is not of our tree ({error}): check [parent] join_address") from error
    return _Parent(address, who, files.root_pem(), chain_pem)


@dataclass(frozen=True, slots=True)
class SignedMoment:
    """The parent's time as it was when the answer came."""

    time_us: int
    """Microseconds since 1970 UTC by the parent's clock."""
    uncertainty_us: int
    """Half of the exchange: the answer was under way for that long, give or take as much."""


async def ask_time(address: str, *, files: IdentityFiles, clock: Clock) -> SignedMoment:
    """The parent's time, signed over a fresh nonce. Raises as join_parent.

    It was read near the middle of the exchange and is known to half of its duration (Cristian, Probabilistic clock synchronization, 1989).
    """
    began = clock.now()
    time_us = await _signed_time(address, files=files)
    half_us = (clock.now().us - began.us) // 2
    return SignedMoment(time_us + half_us, max(half_us, 1))


async def _signed_time(address: str, *, files: IdentityFiles) -> int:
    who = files.parent(now_us=None)
    parent = _Parent(address, who, files.root_pem(), b"")
    nonce = new_nonce()
    answer = await _ask_verified(parent, AskTime(nonce))
    if not isinstance(answer, SignedTime):
        raise JoinError(f"the parent at {address} answered {type(answer).__name__} to a question for the time: upgrade the older node")
    try:
        Ed25519PublicKey.from_public_bytes(who.manifest_key).verify(answer.signature, time_bytes(nonce, answer.time_us))
    except InvalidSignature:
        raise ForeignCa(f"the time from {address} is not signed by {who.node}: its key may have changed, run `yunnao doctor`") from None
    return answer.time_us


async def _pinned_parent(address: str, token: JoinToken, *, now_us: int) -> _Parent:
    chain_pem = await _fetch_chain(address)
    chain = load_chain(chain_pem)
    found = sha256_hex(chain[1]) if len(chain) > 2 else "no CA"
    if found != token.ca_sha256:
        raise ForeignCa(
            f"the CA at {address} is not the one the token names "
            f"(found {found[:16]}, the token pins {token.ca_sha256[:16]}): check the address"
        )
    root_pem = to_pem(chain[-1])
    return _Parent(address, verify_chain(chain_pem, root_pem=root_pem, now_us=now_us), root_pem, chain_pem)


async def _wait_decided(parent: _Parent, poll: AskPoll, *, wait_s: float, interval_s: float) -> Answer:
    try:
        async with asyncio.timeout(wait_s):
            while True:
                await asyncio.sleep(interval_s)
                answer = await _ask_verified(parent, poll)
                if not isinstance(answer, Pending):
                    return answer
    except TimeoutError:
        way_out = f"after its operator ran `yunnao admit {poll.node}`, join again with this token"
        raise JoinError(f"{parent.who.node} did not decide within {wait_s:g} s: {way_out}") from None


def _expect_issued(answer: Answer) -> Issued:
    if isinstance(answer, Issued):
        return answer
    raise JoinError(f"the parent answered {type(answer).__name__} where a certificate was due: upgrade the older node")


async def _fetch_chain(address: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    answer = await _exchange(address, AskChain(), context, None)
    if not isinstance(answer, Chain):
        raise JoinUnreachable(f"{address} answered {type(answer).__name__}, not a certificate chain: is that the join address of a node?")
    return answer.chain.encode()


async def _ask_verified(parent: _Parent, ask: Ask) -> Answer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | NO_CHECK_TIME)
    context.load_verify_locations(cadata=parent.root_pem.decode())
    return await _exchange(parent.address, ask, context, parent.who.tls_name)


async def _exchange(address: str, ask: Ask, context: ssl.SSLContext, name: str | None) -> Answer:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise JoinUnreachable(f"address {address!r} refused: write host:port, as `yunnao token create` prints it")
    try:
        async with asyncio.timeout(2 * EXCHANGE_TIMEOUT_S):
            line = await _one_line(host.strip("[]"), int(port), encode_line(ask), context, name)
    except ssl.SSLCertVerificationError as error:
        raise ForeignCa(f"what answers at {address} does not hold the pinned CA's key ({error.verify_message})") from error
    except (OSError, TimeoutError) as error:
        raise JoinUnreachable(
            f"{address} cannot be reached ({error or 'timed out'}): is the parent running, and is this its join_listen?"
        ) from error
    answer = decode_answer(line)
    if isinstance(answer, Refused):
        raise JoinRefused(_refusal(answer.refusal), answer.text)
    return answer


async def _one_line(host: str, port: int, line: bytes, context: ssl.SSLContext, name: str | None) -> bytes:
    reader, writer = await asyncio.open_connection(
        host, port, ssl=context, server_hostname=name or "", limit=LINE_BYTES_MAX, ssl_handshake_timeout=EXCHANGE_TIMEOUT_S
    )
    try:
        writer.write(line)
        await writer.drain()
        return await read_line(reader)
    finally:
        writer.transport.abort()


def _refusal(word: str) -> Refusal:
    try:
        return Refusal(word)
    except ValueError:
        return Refusal.BAD_REQUEST

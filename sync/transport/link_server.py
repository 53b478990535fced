"""The parent's end of links: one gRPC method over mTLS, sessions handed to the shell.

Owns: the listening socket of the node plane, pairing the two halves of a session, refusing strangers. Refuses with a gRPC status that
carries the reason, and tells `on_refused`. Called by node/appliance.py on nodes that may have children.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sync.model import LinkError, SyncError
from sync.transport.credentials import Authorise, TlsCredentials
from sync.transport.grpc_setup import SERVER, aio, grpc
from sync.transport.link_wire import (
    CHAIN_KEY,
    GROUP_KEY,
    METHOD,
    NODE_KEY,
    REASON_CHARS_MAX,
    RETRY_KEY,
    SERVICE,
    SESSION_KEY,
    StreamBroken,
    words_of,
)
from sync.transport.mailbox import Group
from sync.transport.session import PeerIdentity, Session

SESSIONS_MAX = 4_096
"""Sessions one server holds; a parent with more children needs a level between."""
CONNECTIONS_MAX = 4 * SESSIONS_MAX
"""Connections one server holds, those included behind which nobody stands yet; one more is closed as it comes."""
PAIR_TIMEOUT_S = 30.0
"""Time for the second half of a session to come."""
STOP_GRACE_S = 5.0
"""Time sessions get to end when the server stops."""
SESSION_ID_CHARS_MAX = 64
STREAMS_PER_CHILD_MAX = 8
"""Streams of one certificate: a session that ends, one that begins, and as much again."""

OnSession = Callable[[Session], Awaitable[None]]
OnRefused = Callable[[str], None]
Ask = Callable[[bytes, int], float]
Context = Any
"""grpc.aio.ServicerContext; gRPC ships no types."""
_Key = tuple[bytes, str]
"""Digest of the peer's certificate chain and session id: nobody can join another's session."""


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@dataclass(slots=True)
class _ServerPipe:
    """One half of a session: the stream of one call."""

    context: Context
    standing: asyncio.Future[None] = field(default_factory=_future)
    """Done once the first metadata went out: gRPC breaks a stream that is written to while they are on their way."""
    ended: asyncio.Future[None] = field(default_factory=_future)
    reason: str = ""

    async def stand(self, chain_pem: bytes) -> None:
        """Send the first metadata, then let writes through."""
        try:
            await self.context.send_initial_metadata(((CHAIN_KEY, chain_pem),))
        finally:
            _settle(self.standing)

    async def read(self) -> bytes | None:
        try:
            data = await self.context.read()
        except StreamBroken as error:
            raise LinkError(f"link broken while reading: {words_of(error)}") from None
        return None if data is aio.EOF else bytes(data)

    async def write(self, data: bytes) -> None:
        try:
            if not self.standing.done():
                await asyncio.shield(self.standing)
            await self.context.write(data)
        except StreamBroken as error:
            raise LinkError(f"link broken while writing: {words_of(error)}") from None

    async def finish(self, reason: str, *, grace_s: float) -> None:
        """The call's handler returns with this reason as soon as it runs; a server owes its peer no grace."""
        del grace_s
        self.reason = reason
        _settle(self.ended)


@dataclass(frozen=True, slots=True)
class _Half:
    """What one call says of itself, once authorised."""

    key: _Key
    group: Group
    pem: bytes
    peer: PeerIdentity | None
    """Who the urgent half is authorised as; None for the bulk half, which has the same certificate."""
    pipe: _ServerPipe


class _RefusedError(LinkError):
    """A call that gets no session: the status to answer with, and the reason."""

    def __init__(self, status: grpc.StatusCode, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after_s = retry_after_s
        """When the peer may try again; 0 when trying again changes nothing."""
        self.is_told = False
        """True for the second half of a session whose refusal was reported with the first."""

    def quiet(self) -> _RefusedError:
        """The same refusal for the session's other half."""
        other = _RefusedError(self.status, str(self), retry_after_s=self.retry_after_s)
        other.is_told = True
        return other


class LinkServer:
    """Listens for children. `start` once, `stop` once."""

    def __init__(
        self,
        authorise: Authorise,
        *,
        on_refused: OnRefused,
        ask: Ask = lambda child, shaking: 0.0,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        """`ask` says of a certificate's digest, beside so many handshakes in progress, how many seconds it must wait; 0 lets it in."""
        self.port = 0
        """The port in use after `start`."""
        self._authorise = authorise
        self._on_refused = on_refused
        self._on_session: OnSession = _refuse_session
        self._credentials: Callable[[], TlsCredentials] = _no_credentials
        self._server: Any = None
        self._halves: dict[_Key, tuple[_Half, asyncio.Future[Session]]] = {}
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._ask = ask
        self._shaking: set[_Key] = set()
        """Sessions admitted whose handshake is not done."""
        self._connections_max = connections_max
        self._streams: Counter[bytes] = Counter()
        """Open streams by certificate."""
        self.peers: Counter[str] = Counter()
        """Open streams by what gRPC calls the peer: connections that an admitted child stands behind."""
        self.deferred = 0
        """Links told to try again later since the start."""

    async def start(self, address: str, credentials: Callable[[], TlsCredentials], on_session: OnSession) -> None:
        """Listen on `address` (host:port, port 0 for a free one); each session runs `on_session` and is closed when that returns.

        `credentials` is asked again for every connection, so that a renewed certificate is shown without a restart.

        Raises LinkError when the address cannot be had. `on_session` handles its own errors; a SyncError it lets through becomes the reason
        the peer is told.
        """
        self._on_session, self._credentials = on_session, credentials
        options = [*SERVER, ("grpc.max_allowed_incoming_connections", self._connections_max)]
        self._server = aio.server(options=options, maximum_concurrent_rpcs=2 * SESSIONS_MAX)
        method = grpc.stream_stream_rpc_method_handler(self._serve)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: method}),))
        try:
            self.port = self._server.add_secure_port(address, credentials().for_server(credentials))
        except RuntimeError:
            self.port = 0
        if not self.port:
            raise LinkError(f"cannot listen on {address}: the address is in use or not ours, choose another in [links] listen")
        await self._server.start()

    async def stop(self) -> None:
        """End every session and free the port. A process that leaves a started server behind does not exit."""
        if self._server is None:
            return
        await asyncio.gather(*(session.close("this node is stopping") for session in self._sessions.values()))
        await self._server.stop(grace=None)
        if self._sessions:
            _, late = await asyncio.wait(self._sessions, timeout=STOP_GRACE_S)
            for task in late:
                task.cancel()

    async def _serve(self, requests: object, context: Context) -> None:
        del requests
        try:
            half = self._admit(context)
        except _RefusedError as error:
            await self._refuse(context, error)
            return
        peer = context.peer()
        self._streams[half.key[0]] += 1
        self.peers[peer] += 1
        try:
            await self._hold(half, context)
        finally:
            self._streams -= Counter((half.key[0],))
            self.peers -= Counter((peer,))

    async def _refuse(self, context: Context, error: _RefusedError) -> None:
        # Either half may be the first whose refusal the child sees: both carry the time.
        trailing = ((RETRY_KEY, str(round(error.retry_after_s * 1_000))),) if error.retry_after_s else ()
        if not error.is_told and error.retry_after_s:
            # Children that come all at once are no news and would fill the log: they are counted.
            self.deferred += 1
        elif not error.is_told:
            self._on_refused(f"link from {context.peer()} refused: {error}")
        await context.abort(error.status, str(error)[:REASON_CHARS_MAX], trailing)

    async def _hold(self, half: _Half, context: Context) -> None:
        """Keep one half open for as long as its session lives."""
        try:
            session = await self._join(half)
        except _RefusedError as error:
            self._shaking.discard(half.key)
            await self._refuse(context, error)
            return
        try:
            await half.pipe.stand(self._credentials().chain_pem)
            await half.pipe.ended
        except asyncio.CancelledError:
            session.end("the peer went away")
            raise
        context.set_code(grpc.StatusCode.CANCELLED)
        context.set_details(half.pipe.reason[:REASON_CHARS_MAX])

    def _admit(self, context: Context) -> _Half:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        session_id, node = metadata.get(SESSION_KEY, ""), metadata.get(NODE_KEY, "")
        try:
            group = Group(metadata.get(GROUP_KEY, ""))
        except ValueError as error:
            raise _RefusedError(grpc.StatusCode.INVALID_ARGUMENT, f"metadata {GROUP_KEY}: {error}") from None
        if not 1 <= len(session_id) <= SESSION_ID_CHARS_MAX:
            raise _RefusedError(grpc.StatusCode.INVALID_ARGUMENT, f"metadata {SESSION_KEY} of {len(session_id)} characters")
        pem = peer_chain(context.auth_context())
        key = (hashlib.sha256(pem).digest(), session_id)
        if self._streams[key[0]] >= STREAMS_PER_CHILD_MAX:
            reason = f"{STREAMS_PER_CHILD_MAX} streams of one certificate are open: close the old ones first"
            raise _RefusedError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
        if (waiting := self._halves.get(key)) is not None:
            pem = waiting[0].pem  # the digests are equal: one copy is enough for as long as the session lives
        peer = self._let_in(key, pem, node) if group is Group.URGENT else None
        return _Half(key, group, pem, peer, _ServerPipe(context))

    def _let_in(self, key: _Key, pem: bytes, node: str) -> PeerIdentity:
        """Take an admission token, then authorise; what is refused takes the session's waiting half along."""
        try:
            wait_s = self._ask(key[0], len(self._shaking))
            if wait_s:
                reason = f"many links begin at once: try again in {wait_s:.1f} s"
                raise _RefusedError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, retry_after_s=wait_s)
            peer = self._authorise(pem, node)
        except SyncError as error:
            refusal = error if isinstance(error, _RefusedError) else _RefusedError(grpc.StatusCode.PERMISSION_DENIED, str(error))
            if (waiting := self._halves.get(key)) is not None and not waiting[1].done():
                waiting[1].set_exception(refusal.quiet())
            raise refusal from None
        self._shaking.add(key)
        return peer

    async def _join(self, half: _Half) -> Session:
        """The session of two halves: the first to come waits, the second makes it."""
        waiting = self._halves.get(half.key)
        if waiting is None:
            return await self._wait_other_half(half)
        first, future = waiting
        if first.group is half.group:
            raise _RefusedError(grpc.StatusCode.ALREADY_EXISTS, f"session {half.key[1]} has its {half.group.value} half already")
        del self._halves[half.key]
        session = Session(
            {first.group: first.pipe, half.group: half.pipe}, session_id=half.key[1], peer_pem=half.pem, peer=first.peer or half.peer
        )  # fmt: skip
        session.on_open = lambda: self._shaking.discard(half.key)
        task = asyncio.create_task(self._run(session, half.key))
        self._sessions[task] = session
        task.add_done_callback(self._sessions.pop)
        future.set_result(session)
        return session

    async def _wait_other_half(self, half: _Half) -> Session:
        if len(self._halves) + len(self._sessions) >= SESSIONS_MAX:
            raise _RefusedError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{SESSIONS_MAX} sessions are open: try again later")
        future: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._halves[half.key] = half, future
        try:
            async with asyncio.timeout(PAIR_TIMEOUT_S):
                return await future
        except TimeoutError:
            reason = f"session {half.key[1]} refused: only its {half.group.value} half came within {PAIR_TIMEOUT_S:.0f} s"
            raise _RefusedError(grpc.StatusCode.DEADLINE_EXCEEDED, reason) from None
        finally:
            if self._halves.get(half.key, (None,))[0] is half:
                del self._halves[half.key]

    async def _run(self, session: Session, key: _Key) -> None:
        reason = "the session's work is done"
        try:
            await self._on_session(session)
        except SyncError as error:
            reason = str(error)
        finally:
            self._shaking.discard(key)
            await session.close(reason)


def _no_credentials() -> TlsCredentials:
    raise LinkError("the link server shows no certificate before it is started")


async def _refuse_session(session: Session) -> None:
    raise LinkError(f"session {session.session_id} refused: the server is not started")


def peer_chain(auth_context: dict[str, list[bytes]]) -> bytes:
    """The peer's certificate chain, PEM, leaf first, as TLS verified it; empty when there is none."""
    leaf, chain = (bytes((auth_context.get(name) or [b""])[0]) for name in ("x509_pem_cert", "x509_pem_cert_chain"))
    # What a client sent comes without its leaf in the chain: BoringSSL keeps the two apart on the server's side.
    return chain if chain.startswith(leaf) else leaf + chain

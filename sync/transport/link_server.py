"""The parent's end of links: one gRPC method over mTLS, sessions handed to the shell.

Owns: the listening socket of the node plane, pairing the two halves of a session, refusing strangers. Refuses with a gRPC status that
carries the reason, and tells `on_refused`. Called by node/runtime.py on nodes that may have children.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sync.model import LinkError, SyncError
from sync.transport.credentials import Authorise, TlsCredentials
from sync.transport.grpc_setup import SERVER, aio, grpc
from sync.transport.link_wire import CHAIN_KEY, GROUP_KEY, METHOD, NODE_KEY, REASON_CHARS_MAX, SERVICE, SESSION_KEY, StreamBroken, words_of
from sync.transport.mailbox import Group
from sync.transport.session import PeerIdentity, Session

SESSIONS_MAX = 4_096
"""Sessions one server holds; a parent with more children needs a level between."""
PAIR_TIMEOUT_S = 10.0
"""Time for the second half of a session to come."""
STOP_GRACE_S = 5.0
"""Time sessions get to end when the server stops."""
SESSION_ID_CHARS_MAX = 64

OnSession = Callable[[Session], Awaitable[None]]
OnRefused = Callable[[str], None]
Context = Any
"""grpc.aio.ServicerContext; gRPC ships no types."""
_Key = tuple[bytes, str]
"""Digest of the peer's certificate chain and session id: nobody can join another's session."""


@dataclass(slots=True)
class _ServerPipe:
    """One half of a session: the stream of one call."""

    context: Context
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""

    async def read(self) -> bytes | None:
        try:
            data = await self.context.read()
        except StreamBroken as error:
            raise LinkError(f"link broken while reading: {words_of(error)}") from None
        return None if data is aio.EOF else bytes(data)

    async def write(self, data: bytes) -> None:
        try:
            await self.context.write(data)
        except StreamBroken as error:
            raise LinkError(f"link broken while writing: {words_of(error)}") from None

    async def finish(self, reason: str, *, grace_s: float) -> None:
        """The call's handler returns with this reason as soon as it runs; a server owes its peer no grace."""
        del grace_s
        self.reason = reason
        self.ended.set()


@dataclass(frozen=True, slots=True)
class _Half:
    """What one call says of itself, once authorised."""

    key: _Key
    group: Group
    pem: bytes
    peer: PeerIdentity
    pipe: _ServerPipe


class _RefusedError(LinkError):
    """A call that gets no session: the status to answer with, and the reason."""

    def __init__(self, status: grpc.StatusCode, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class LinkServer:
    """Listens for children. `start` once, `stop` once."""

    def __init__(self, authorise: Authorise, *, on_refused: OnRefused) -> None:
        self.port = 0
        """The port in use after `start`."""
        self._authorise = authorise
        self._on_refused = on_refused
        self._on_session: OnSession = _refuse_session
        self._chain_pem = b""
        self._server: Any = None
        self._halves: dict[_Key, tuple[_Half, asyncio.Future[Session]]] = {}
        self._sessions: dict[asyncio.Task[None], Session] = {}

    async def start(self, address: str, credentials: TlsCredentials, on_session: OnSession) -> None:
        """Listen on `address` (host:port, port 0 for a free one); each session runs `on_session` and is closed when that returns.

        Raises LinkError when the address cannot be had. `on_session` handles its own errors; a SyncError it lets through becomes the reason
        the peer is told.
        """
        self._on_session, self._chain_pem = on_session, credentials.chain_pem
        self._server = aio.server(options=SERVER, maximum_concurrent_rpcs=2 * SESSIONS_MAX)
        method = grpc.stream_stream_rpc_method_handler(self._serve)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: method}),))
        try:
            self.port = self._server.add_secure_port(address, credentials.for_server())
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
            session = await self._join(half)
        except _RefusedError as error:
            self._on_refused(f"link from {context.peer()} refused: {error}")
            await context.abort(error.status, str(error)[:REASON_CHARS_MAX])
            return
        try:
            await context.send_initial_metadata(((CHAIN_KEY, self._chain_pem),))
            await half.pipe.ended.wait()
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
        try:
            peer = self._authorise(pem, node)
        except SyncError as error:
            raise _RefusedError(grpc.StatusCode.PERMISSION_DENIED, str(error)) from None
        return _Half((hashlib.sha256(pem).digest(), session_id), group, pem, peer, _ServerPipe(context))

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
            {first.group: first.pipe, half.group: half.pipe}, session_id=half.key[1], peer_pem=half.pem, peer=half.peer
        )  # fmt: skip
        task = asyncio.create_task(self._run(session))
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

    async def _run(self, session: Session) -> None:
        reason = "the session's work is done"
        try:
            await self._on_session(session)
        except SyncError as error:
            reason = str(error)
        finally:
            await session.close(reason)


async def _refuse_session(session: Session) -> None:
    raise LinkError(f"session {session.session_id} refused: the server is not started")


def peer_chain(auth_context: dict[str, list[bytes]]) -> bytes:
    """The peer's certificate chain, PEM, leaf first, as TLS verified it; empty when there is none."""
    leaf, chain = (bytes((auth_context.get(name) or [b""])[0]) for name in ("x509_pem_cert", "x509_pem_cert_chain"))
    # What a client sent comes without its leaf in the chain: BoringSSL keeps the two apart on the server's side.
    return chain if chain.startswith(leaf) else leaf + chain

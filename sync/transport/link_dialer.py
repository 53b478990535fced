"""The child's end of links: opens a session's two channels to its parent.

Owns: the channels of one session; a new dial makes new ones, so that a renewed certificate is used. Refuses with LinkError naming
the address and the cause. Called by node/appliance.py; node/links decides when to try again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from sync.model import LinkError
from sync.transport.credentials import Authorise, TlsCredentials
from sync.transport.diagnose import explain_failure
from sync.transport.grpc_setup import CHANNEL, aio, grpc
from sync.transport.link_wire import (
    CHAIN_KEY,
    GROUP_KEY,
    NODE_KEY,
    PATH,
    RETRY_KEY,
    RETRY_S_MAX,
    SESSION_KEY,
    StreamBroken,
    TryLaterError,
    words_of,
)
from sync.transport.mailbox import Group
from sync.transport.session import Session

DIAL_TIMEOUT_S = 30.0
"""Time for both halves of a session to stand: two handshakes with their certificates over 50 kbit/s, with losses."""


@dataclass(slots=True)
class _ClientPipe:
    """One half of a session: a channel of its own with its one call."""

    channel: Any
    call: Any

    async def read(self) -> bytes | None:
        try:
            data = await self.call.read()
        except StreamBroken as error:
            raise LinkError(f"link broken while reading: {words_of(error)}") from None
        return None if data is aio.EOF else bytes(data)

    async def write(self, data: bytes) -> None:
        try:
            await self.call.write(data)
        except StreamBroken as error:
            raise LinkError(f"link broken while writing: {words_of(error)}") from None

    async def finish(self, reason: str, *, grace_s: float) -> None:
        """End our side, give the peer the grace to end its own, then free the channel."""
        del reason
        if grace_s and not self.call.done():
            await self._wait_peer_end(grace_s)
        self.call.cancel()
        await self.channel.close()

    async def _wait_peer_end(self, grace_s: float) -> None:
        try:
            async with asyncio.timeout(grace_s):
                await self.call.done_writing()
                await self.call.code()
        except (TimeoutError, *StreamBroken):
            # The peer is gone or slow: cancelling is all that is left.
            return


async def dial(
    address: str, credentials: TlsCredentials, *, server_name: str, session_id: str, node: str, authorise: Authorise | None = None
) -> Session:
    """A session with the node named `server_name` at `address` (host:port).

    `server_name` must be a DNS name in the server's certificate, which TLS checks under our root. `authorise` sees the server's chain, to
    check level and territory. Raises TryLaterError when the server takes no link now, LinkError with the cause when the session does
    not stand within DIAL_TIMEOUT_S.
    """
    metadata = ((SESSION_KEY, session_id), (NODE_KEY, node))
    pipes = {group: _open(address, credentials, server_name, ((GROUP_KEY, group.value), *metadata)) for group in Group}
    try:
        pem = await _wait_standing(pipes[Group.URGENT], pipes[Group.BULK])
        peer = authorise(pem, server_name) if authorise else None
    except TryLaterError:
        await _abandon(pipes)
        raise
    except LinkError as error:
        await _abandon(pipes)
        raise LinkError(f"no link to {server_name} at {address}: {error}") from None
    except (TimeoutError, *StreamBroken) as error:
        await _abandon(pipes)
        if (later := _told_later(error)) is not None:
            raise later from None
        cause = await _cause(error, address, credentials, server_name)
        raise LinkError(f"no link to {server_name} at {address}: {cause}") from None
    except asyncio.CancelledError:
        await _abandon(pipes)
        raise
    return Session(dict(pipes), session_id=session_id, peer_pem=pem, peer=peer)


def _open(address: str, credentials: TlsCredentials, server_name: str, metadata: tuple[tuple[str, str], ...]) -> _ClientPipe:
    options = [*CHANNEL, ("grpc.ssl_target_name_override", server_name), ("grpc.default_authority", server_name)]
    channel = aio.secure_channel(address, credentials.for_channel(), options=options)
    return _ClientPipe(channel, channel.stream_stream(PATH)(metadata=metadata))


async def _wait_standing(*pipes: _ClientPipe) -> bytes:
    """The server's chain, once both calls have its first metadata."""
    async with asyncio.timeout(DIAL_TIMEOUT_S):
        return (await asyncio.gather(*(_wait_chain(pipe.call) for pipe in pipes)))[0]


async def _wait_chain(call: Any) -> bytes:
    await call.wait_for_connection()
    chain = dict(await call.initial_metadata()).get(CHAIN_KEY)
    if chain is None:
        # A refusal begins with metadata too; its status, which is on its way, says why.
        reason = f"refused by the peer: {await call.details() or await call.code()}"
        retry_after_s = _retry_after_s(dict(await call.trailing_metadata() or ()).get(RETRY_KEY))
        raise LinkError(reason) if retry_after_s is None else TryLaterError(reason, retry_after_s=retry_after_s)
    return bytes(chain)


def _retry_after_s(milliseconds: object) -> float | None:
    """What the peer asks for, in seconds and inside our own bound; None when it asks for nothing readable."""
    if not isinstance(milliseconds, str) or not (milliseconds.isascii() and milliseconds.isdigit()):
        return None
    return min(int(milliseconds[:9]) / 1_000, RETRY_S_MAX)


def _told_later(error: BaseException) -> TryLaterError | None:
    """A refusal with a time may end the call before its first metadata is read: the wait is in the error as well."""
    if not isinstance(error, aio.AioRpcError):
        return None
    retry_after_s = _retry_after_s(dict(error.trailing_metadata() or ()).get(RETRY_KEY))
    return None if retry_after_s is None else TryLaterError(f"refused by the peer: {error.details()}", retry_after_s=retry_after_s)


async def _cause(error: BaseException, address: str, credentials: TlsCredentials, server_name: str) -> str:
    """gRPC says of most failed handshakes only that they failed; a handshake of our own finds out why."""
    if isinstance(error, aio.AioRpcError) and error.code() is not grpc.StatusCode.UNAVAILABLE:
        return words_of(error)
    return await explain_failure(address, credentials, server_name=server_name) or words_of(error)


async def _abandon(pipes: dict[Group, _ClientPipe]) -> None:
    await asyncio.gather(*(pipe.finish("", grace_s=0.0) for pipe in pipes.values()))

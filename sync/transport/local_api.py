"""The local API: one method, `Call(verb, bytes) -> bytes`, over a Unix socket that only its owner may open.

Owns: the socket file and its mode, one node per socket, errors as a code and a sentence. Refuses long socket paths, a socket on which a
node already answers, verbs that are no verbs. Served by node/runtime.py; called by the CLI, the console and the demo.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from sync.model import SyncError
from sync.transport.grpc_setup import CHANNEL, SERVER, aio, grpc

SOCKET_PATH_BYTES_MAX = 99
"""Linux allows 107; some systems 103. Short everywhere."""
CALLS_MAX = 256
"""Calls one node answers at once."""
TEXT_CHARS_MAX = 2_000
"""An error's sentence travels in a header."""
PROBE_TIMEOUT_S = 1.0
_SERVICE, _METHOD, _VERB_KEY = "yunnao.v1.Local", "Call", "yunnao-verb"
_PATH = f"/{_SERVICE}/{_METHOD}"
_VERB = re.compile(r"[a-z][a-z0-9_-]{0,63}")

Handler = Callable[[str, bytes], Awaitable[bytes]]
"""(verb, JSON arguments) -> JSON answer; raises LocalApiError for what it refuses."""


class LocalApiCode(StrEnum):
    """What kind of error an answer is."""

    INVALID = "invalid"
    NOT_FOUND = "not-found"
    DENIED = "denied"
    UNKNOWN_VERB = "unknown-verb"
    NOT_READY = "not-ready"
    TIMEOUT = "timeout"
    NOT_RUNNING = "not-running"
    ALREADY_RUNNING = "already-running"
    FAILED = "failed"


class LocalApiError(SyncError):
    """A call that has no answer: the code for programs, the text for people."""

    def __init__(self, code: LocalApiCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


_STATUS = {
    LocalApiCode.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    LocalApiCode.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    LocalApiCode.DENIED: grpc.StatusCode.PERMISSION_DENIED,
    LocalApiCode.UNKNOWN_VERB: grpc.StatusCode.UNIMPLEMENTED,
    LocalApiCode.NOT_READY: grpc.StatusCode.FAILED_PRECONDITION,
    LocalApiCode.TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    LocalApiCode.NOT_RUNNING: grpc.StatusCode.UNAVAILABLE,
    LocalApiCode.ALREADY_RUNNING: grpc.StatusCode.ALREADY_EXISTS,
    LocalApiCode.FAILED: grpc.StatusCode.INTERNAL,
}
_CODES = {status: code for code, status in _STATUS.items()}


class LocalServer:
    """A served socket; made by `serve_local`."""

    def __init__(self, server: Any, path: Path) -> None:
        self._server = server
        self._path = path

    async def stop(self) -> None:
        """Answer no more and remove the socket."""
        await self._server.stop(grace=None)
        self._path.unlink(missing_ok=True)


async def serve_local(socket_path: Path, handler: Handler) -> LocalServer:
    """Answer calls on `socket_path` (mode 0600) with `handler`.

    A socket file that a killed node left is replaced. Raises LocalApiError INVALID for a path that is too long, ALREADY_RUNNING when a
    node answers on it, FAILED when the socket cannot be made.
    """
    check_socket_path(socket_path)
    _remove_stale(socket_path)
    server = aio.server(options=SERVER, maximum_concurrent_rpcs=CALLS_MAX)
    method = grpc.unary_unary_rpc_method_handler(_answer_with(handler))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: method}),))
    # The mode must hold from the first moment, so it comes from the mask; the caller is alone on the process's files meanwhile.
    mask = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{socket_path}")
    except RuntimeError as error:
        raise LocalApiError(LocalApiCode.FAILED, f"socket {socket_path} cannot be made: {error}") from None
    finally:
        os.umask(mask)
    await server.start()
    return LocalServer(server, socket_path)


def call_local(socket_path: Path, verb: str, body: bytes, timeout_s: float) -> bytes:
    """The node's answer to `verb`; raises LocalApiError. For programs without an asyncio loop."""
    metadata = _call_metadata(socket_path, verb)
    with grpc.insecure_channel(f"unix:{socket_path}", options=CHANNEL) as channel:
        try:
            return bytes(channel.unary_unary(_PATH)(body, metadata=metadata, timeout=timeout_s))
        except grpc.RpcError as error:
            raise _error_of(error, socket_path, verb) from None


async def call_local_async(socket_path: Path, verb: str, body: bytes, timeout_s: float) -> bytes:
    """As `call_local`, on an asyncio loop."""
    metadata = _call_metadata(socket_path, verb)
    async with aio.insecure_channel(f"unix:{socket_path}", options=CHANNEL) as channel:
        try:
            return bytes(await channel.unary_unary(_PATH)(body, metadata=metadata, timeout=timeout_s))
        except grpc.RpcError as error:
            raise _error_of(error, socket_path, verb) from None


def check_socket_path(path: Path) -> None:
    """Raise LocalApiError INVALID when the path is too long for a socket."""
    size = len(os.fsencode(path))
    if size > SOCKET_PATH_BYTES_MAX:
        text = f"socket path {path} has {size} bytes, at most {SOCKET_PATH_BYTES_MAX}: choose a shorter --dir"
        raise LocalApiError(LocalApiCode.INVALID, text)


def _remove_stale(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_socket():
        raise LocalApiError(LocalApiCode.INVALID, f"{path} is no socket: remove it or choose another --dir")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise LocalApiError(LocalApiCode.FAILED, f"socket {path} cannot be tried: {error}") from None
    raise LocalApiError(LocalApiCode.ALREADY_RUNNING, f"a node is already running on {path}: stop it first or choose another --dir")


def _answer_with(handler: Handler) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def answer(body: bytes, context: Any) -> bytes:
        verb = dict(context.invocation_metadata() or ()).get(_VERB_KEY, "")
        error = LocalApiError(LocalApiCode.INVALID, f"verb {verb[:80]!r} refused: use a-z, 0-9, '_' and '-'")
        if isinstance(verb, str) and _VERB.fullmatch(verb):
            try:
                return await handler(verb, body)
            except LocalApiError as refusal:
                error = refusal
        await context.abort(_STATUS[error.code], error.text[:TEXT_CHARS_MAX])
        raise error

    return answer


def _call_metadata(path: Path, verb: str) -> tuple[tuple[str, str], ...]:
    check_socket_path(path)
    if not _VERB.fullmatch(verb):
        raise LocalApiError(LocalApiCode.INVALID, f"verb {verb[:80]!r} refused: use a-z, 0-9, '_' and '-'")
    return ((_VERB_KEY, verb),)


def _error_of(error: Any, path: Path, verb: str) -> LocalApiError:
    code = _CODES.get(error.code(), LocalApiCode.FAILED)
    if code is LocalApiCode.NOT_RUNNING and "connect" in str(error.details()).lower():
        return LocalApiError(code, f"no node answers on {path}: start it with `yunnao run`")
    if code is LocalApiCode.TIMEOUT:
        return LocalApiError(code, f"no answer to {verb!r} on {path} in time: is the node busy? try again")
    return LocalApiError(code, str(error.details()))

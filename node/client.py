"""A client of a running node's local API (docs/api.md), for the command line. One call, one JSON object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec

from node.errors import EXIT_REFUSED, EXIT_UNREACHABLE, NodeError

SOCKET_NAME = "api.sock"
TIMEOUT_S = 15.0
UNREACHABLE_CODES = frozenset({"not-running", "timeout"})
"""Codes of the local API that mean nobody answered."""

Call = Callable[[Path, str, bytes, float], bytes]
"""(socket path, verb, JSON body, timeout in seconds) -> JSON."""


class ApiError(NodeError):
    """The node answered that it will not; `code` is one of sync.transport.local_api.LocalApiCode."""

    exit_code: ClassVar[int] = EXIT_REFUSED

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NodeUnreachable(ApiError):
    """No running node answers on the socket."""

    exit_code: ClassVar[int] = EXIT_UNREACHABLE


class NodeClient:
    """Speaks to the node whose folder is `folder`."""

    def __init__(self, folder: Path, call: Call | None = None) -> None:
        self._socket = folder / SOCKET_NAME
        self._call = call or _call_local

    def call(self, verb: str, *, timeout_s: float = TIMEOUT_S, **arguments: object) -> dict[str, object]:
        """The answer to `verb`; raises NodeUnreachable or ApiError. Arguments that are None are left out."""
        if not self._socket.exists():
            raise NodeUnreachable(
                "not-running", f"no node runs in {self._socket.parent}: start it with `yunnao run`, or name its folder with --dir"
            )
        body = msgspec.json.encode({name: value for name, value in arguments.items() if value is not None})
        answer = self._call(self._socket, verb, body, timeout_s)
        try:
            return msgspec.json.decode(answer, type=dict[str, object])
        except msgspec.DecodeError as error:
            raise ApiError("failed", f"the answer to {verb!r} is not a JSON object ({error}): is the node of another version?") from error


def _call_local(path: Path, verb: str, body: bytes, timeout_s: float) -> bytes:
    from sync.transport.local_api import LocalApiError, call_local

    try:
        return call_local(path, verb, body, timeout_s)
    except LocalApiError as error:
        if error.code in UNREACHABLE_CODES:
            raise NodeUnreachable(error.code, str(error)) from error
        raise ApiError(error.code, str(error)) from error

"""The console's only way to the node: one call over the local API socket.

Owns the path of the socket, the time limit and the size limit of an answer. Refuses answers that are not JSON objects.
Called by `tui/feed.py` and `tui/decision.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sync.transport.local_api import LocalApiError, call_local_async
from tui.errors import ApiProblem

CALL_TIMEOUT_S = 5.0
"""How long the console waits for one answer before it says so."""

ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""An answer above this many bytes is refused: 5,000 rows with room to spare."""

ArgumentValue = str | int | bool | tuple[str, ...] | Mapping[str, object]


class ConsoleApi(Protocol):
    """What the console asks of a node. Implementations: NodeApi; a scripted one in tests."""

    async def call(self, verb: str, *, timeout_s: float | None = None, **arguments: ArgumentValue) -> Mapping[str, object]:
        """The answer to `verb` (docs/api.md) within `timeout_s`, None the usual time; raises ApiProblem."""


class NodeApi:
    """The local API of the node whose state lies in `directory`."""

    def __init__(self, directory: Path, *, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._socket = directory / "api.sock"
        self._timeout_s = timeout_s

    async def call(self, verb: str, *, timeout_s: float | None = None, **arguments: ArgumentValue) -> Mapping[str, object]:
        """The answer to `verb`; raises ApiProblem when the node is away, refuses, is late, or answers nonsense."""
        body = json.dumps(arguments).encode()
        try:
            answer = await call_local_async(self._socket, verb, body, timeout_s or self._timeout_s)
        except LocalApiError as error:
            raise ApiProblem(error.code.name, str(error)) from error
        return decode_object(verb, answer)


def decode_object(verb: str, answer: bytes) -> Mapping[str, object]:
    """`answer` as a JSON object; raises ApiProblem with code BAD_ANSWER."""
    if len(answer) > ANSWER_BYTES_MAX:
        raise ApiProblem(
            "BAD_ANSWER", f"{verb} answered {len(answer)} bytes, the console reads at most {ANSWER_BYTES_MAX}: lower the limit argument"
        )
    try:
        decoded = json.loads(answer)
    except ValueError as error:
        raise ApiProblem("BAD_ANSWER", f"{verb} did not answer JSON ({error}): are node and console of the same release?") from error
    if not isinstance(decoded, dict):
        raise ApiProblem(
            "BAD_ANSWER", f"{verb} answered a {type(decoded).__name__}, not an object: are node and console of the same release?"
        )
    return decoded

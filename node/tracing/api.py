"""The verb of the local API that makes recordings: `trace_record`. It answers when the recording is done. Called by node/api.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.tracing.desk import SECONDS_MAX, Tracing

Plain = dict[str, Any]


class TraceRecord(msgspec.Struct, forbid_unknown_fields=True):
    """Record for so many seconds into a new file of the node's machine."""

    path: Annotated[str, Meta(pattern="^/", max_length=4_096)]
    seconds: Annotated[float, Meta(gt=0, le=SECONDS_MAX)]


class TraceVerbs:
    """Answers the verb; `tracing` is asked for when it is called."""

    def __init__(self, tracing: Callable[[], Tracing]) -> None:
        self._tracing = tracing
        self.table: dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "trace_record": (TraceRecord, self._record)
        }

    async def _record(self, asked: TraceRecord) -> Plain:
        done = await self._tracing().record(Path(asked.path), asked.seconds)
        return {
            "path": str(done.path),
            "inputs": done.inputs,
            "turns": done.turns,
            "bytes": done.file_bytes,
            "ended": done.reason,
        }

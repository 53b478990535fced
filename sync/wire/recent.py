"""The rows of small payloads that were read lately, by their bytes: a relay reads what it receives once to judge it and once to send it on.

Owns: the bound on what is kept. Equal bytes hold equal rows, and rows never change, so nothing here can grow stale. Called by payload.py
from the threads of all links.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import pyarrow as pa

PAYLOAD_BYTES_MAX = 64 << 10
"""Larger payloads are not kept: reading them costs little beside their rows."""
ROWS_BYTES_MAX = 256 << 10
"""Rows that unfold to more are not kept."""
KEPT_BYTES_MAX = 16 << 20
"""Payloads and rows that are kept at once, for the whole process; the ones that nobody asked for longest go first."""


class RecentRows:
    """Rows by payload."""

    def __init__(self, *, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._kept_bytes_max = kept_bytes_max
        self._kept: OrderedDict[bytes, tuple[pa.RecordBatch, int]] = OrderedDict()
        self._lock = Lock()
        self.kept_bytes = 0

    def of(self, payload: bytes) -> pa.RecordBatch | None:
        """The rows of a payload, if they are still known."""
        with self._lock:
            if payload not in self._kept:
                return None
            self._kept.move_to_end(payload)
            return self._kept[payload][0]

    def keep(self, payload: bytes, rows: pa.RecordBatch) -> None:
        """Remember the rows of a payload, unless they are large."""
        if len(payload) > PAYLOAD_BYTES_MAX or rows.nbytes > ROWS_BYTES_MAX:
            return
        weight = len(payload) + rows.nbytes
        with self._lock:
            if payload in self._kept:
                return
            self._kept[payload] = rows, weight
            self.kept_bytes += weight
            while self.kept_bytes > self._kept_bytes_max:
                self.kept_bytes -= self._kept.popitem(last=False)[1][1]

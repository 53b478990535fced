"""Checks of the machine: versions, disk, memory, clock, terminal. Nothing here needs a network."""

from __future__ import annotations

import locale
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil

from node.doctor.model import Finding, Place, Severity

PYTHON_OLDEST = (3, 11)
SQLITE_OLDEST = (3, 35, 0)
"""The first with RETURNING and the upserts the store uses."""
DISK_FREE_BYTES_MIN = 2 << 30
FSYNC_MS_MAX = 50.0
FSYNC_TRIES = 8
MEMORY_BYTES_MIN = 900 << 20
CLOCK_EARLIEST_US = 1_767_225_600_000_000
"""2026-01-01: no machine that runs this program stands before it."""
SOCKET_PATH_BYTES_MAX = 100
COLUMNS_MIN, LINES_MIN = 80, 24


def python_version(_: Place) -> Finding:
    """The interpreter is new enough."""
    found = sys.version_info[:3]
    return _judge(found[:2] >= PYTHON_OLDEST, "python", {"version": ".".join(map(str, found))})


def sqlite_version(_: Place) -> Finding:
    """The SQLite library is new enough."""
    return _judge(sqlite3.sqlite_version_info >= SQLITE_OLDEST, "sqlite", {"version": sqlite3.sqlite_version})


def disk_space(place: Place) -> Finding:
    """There is room to keep accepting data."""
    free = shutil.disk_usage(_nearest_folder(place)).free
    return _judge(free >= DISK_FREE_BYTES_MIN, "disk", {"free": f"{free / (1 << 30):.1f}", "folder": place.folder}, bad=Severity.WARN)


def fsync_latency(place: Place) -> Finding:
    """The disk makes writes durable quickly; every acknowledgement waits for it."""
    with tempfile.TemporaryFile(dir=_nearest_folder(place)) as file:
        begin = place.clock.now()
        for _ in range(FSYNC_TRIES):
            file.write(bytes(4_096))
            file.flush()
            os.fsync(file.fileno())
        each_ms = place.clock.now().seconds_since(begin) * 1_000 / FSYNC_TRIES
    return _judge(each_ms <= FSYNC_MS_MAX, "fsync", {"ms": f"{each_ms:.1f}"}, bad=Severity.WARN)


def memory(_: Place) -> Finding:
    """There is memory for the node and its cameras."""
    total = psutil.virtual_memory().total
    return _judge(total >= MEMORY_BYTES_MIN, "memory", {"mib": total >> 20}, bad=Severity.WARN)


def clock_sane(place: Place) -> Finding:
    """The wall clock is not before the program was written."""
    moment = datetime.fromtimestamp(place.clock.wall_us() // 1_000_000, UTC)
    return _judge(place.clock.wall_us() >= CLOCK_EARLIEST_US, "clock", {"time": f"{moment:%Y-%m-%d %H:%M:%SZ}"})


def socket_path(place: Place) -> Finding:
    """Unix sockets in the folder have a name the kernel accepts."""
    path = place.folder.resolve() / "ai.sock.worker-00"
    length = len(os.fsencode(path))
    return _judge(length <= SOCKET_PATH_BYTES_MAX, "socket", {"bytes": length, "most": SOCKET_PATH_BYTES_MAX})


def terminal(_: Place) -> Finding:
    """The terminal is wide enough for the console and shows Chinese."""
    size = shutil.get_terminal_size((COLUMNS_MIN, LINES_MIN))
    encoding = locale.getpreferredencoding(False)
    fits = size.columns >= COLUMNS_MIN and size.lines >= LINES_MIN and encoding.lower().replace("-", "") == "utf8"
    return _judge(fits, "terminal", {"size": f"{size.columns}x{size.lines}", "encoding": encoding}, bad=Severity.WARN)


def _nearest_folder(place: Place) -> Path:
    folder = place.folder.resolve()
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _judge(is_good: bool, saw: str, values: Mapping[str, object], *, bad: Severity = Severity.FAIL) -> Finding:
    return Finding(Severity.OK if is_good else bad, saw, values)

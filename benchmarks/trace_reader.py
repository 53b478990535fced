"""Proves from a system-call trace that no acknowledgement left before its reading was on the disk; without a line of product code.

The trace is strace's: `strace -f -yy -s 262144 -e trace=recvfrom,sendto,sendmsg,pwrite64,fdatasync,fsync -p PID`. A reading is known by a
mark in its text, `=000123=`, which stands unchanged in the PUBLISH and, as long as batches are small, in the page of the write-ahead log.
For every PUBACK or PUBREC it is asked, in the order in which the kernel began and ended the calls:

    pwrite64(page with the mark) -> pwrite64(page of a commit frame, the same or later) -> fdatasync of that log begins -> it returns 0
    -> only then the call begins that sends the acknowledgement

Frames of the log are those of SQLite: 24 bytes of header, whose bytes 4 to 8 are the size of the database after a commit and 0 otherwise
(https://sqlite.org/fileformat2.html, section 4.1). Logs are the files that end in `-wal`, so that a message which was kept as a reject is
proved by the log of the rejects. Called by puback_trace.py.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MARK = re.compile(rb"=\d{6}=")
FRAME_HEADER_BYTES = 24
COMMIT_SIZE = slice(4, 8)
"""Of a frame header: pages of the database after this commit; 0 in a frame that ends none."""
CONNECT, PUBLISH, PUBACK, PUBREC = 1, 3, 4, 5
CALLS_IN = ("recvfrom", "read")
CALLS_OUT = ("sendto", "sendmsg", "write", "writev")
SYNCS = ("fdatasync", "fsync")

_CALL = re.compile(r"^(\d+) +(\w+)\(\d+<((?:->|[^>])*)>(.*)$", re.DOTALL)
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
_RESULT = re.compile(r"\) += (-?\d+)[^)]*$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')


class TraceError(Exception):
    """A trace that cannot be read; the message names the line."""


@dataclass(frozen=True)
class Event:
    """A call begins or returns."""

    line: int
    name: str
    label: str
    """What the descriptor is: a path, or TCP:[from->to]."""
    is_begin: bool
    data: bytes = b""
    result: int | None = None


@dataclass
class Proof:
    """What a trace shows."""

    publishes: int = 0
    acks: Counter[str] = field(default_factory=Counter)
    """Acknowledgements by kind."""
    commits: Counter[str] = field(default_factory=Counter)
    """Commit frames by log."""
    syncs: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """True when there were acknowledgements and each had its reason."""
        return bool(self.acks) and not self.violations


@dataclass
class _Log:
    """One write-ahead log."""

    is_commit: bool = False
    """What the last frame header said."""
    written: set[bytes] = field(default_factory=set)
    committed: set[bytes] = field(default_factory=set)
    syncing: dict[int, frozenset[bytes]] = field(default_factory=dict)
    """Line on which a sync began -> what was committed then."""


@dataclass
class _Link:
    """One connection of a device."""

    version: int = 4
    received: bytearray = field(default_factory=bytearray)
    sent: bytearray = field(default_factory=bytearray)
    marks: dict[int, bytes] = field(default_factory=dict)
    """Packet id -> mark of the reading that came last under it."""


def prove(lines: Iterable[str]) -> Proof:
    """Read a trace; raises TraceError."""
    reader = _Reader()
    for event in events(lines):
        reader.take(event)
    return reader.proof


def events(lines: Iterable[str]) -> Iterator[Event]:
    """Begins and returns of the calls on files and sockets, in order; a call whose end is on another line gives them apart."""
    unfinished: dict[str, tuple[int, str, str, str]] = {}
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\n")
        if resumed := _RESUMED.match(text):
            begun = unfinished.pop(resumed[1], None)
            if begun is not None and begun[1] == resumed[2]:
                yield _event(begun[0], begun[1], begun[2], begun[3] + resumed[3], is_begin=False, where=number)
            continue
        call = _CALL.match(text)
        if call is None:
            continue
        process, name, label, rest = call[1], call[2], call[3], call[4]
        if rest.endswith("<unfinished ...>"):
            rest = rest.removesuffix("<unfinished ...>")
            unfinished[process] = (number, name, label, rest)
            yield _event(number, name, label, rest, is_begin=True, where=number)
            continue
        yield _event(number, name, label, rest, is_begin=True, where=number)
        yield _event(number, name, label, rest, is_begin=False, where=number)


def _event(line: int, name: str, label: str, rest: str, *, is_begin: bool, where: int) -> Event:
    needed = name in CALLS_OUT if is_begin else name in (*CALLS_IN, "pwrite64")
    data = b"".join(_bytes(found, where) for found in _TEXT.finditer(rest)) if needed else b""
    result = _RESULT.search(rest)
    return Event(line, name, label, is_begin, data, int(result[1]) if result and not is_begin else None)


def _bytes(found: re.Match[str], line: int) -> bytes:
    if found[2]:
        raise TraceError(f"line {line}: the bytes of a call are cut short: record with strace -s 262144")
    try:
        value = ast.literal_eval(f'b"{found[1]}"')
    except (ValueError, SyntaxError) as error:
        raise TraceError(f"line {line}: bytes that cannot be read: {error}") from error
    assert isinstance(value, bytes)
    return value


class _Reader:
    """Follows logs and connections."""

    def __init__(self) -> None:
        self.proof = Proof()
        self._logs: dict[str, _Log] = {}
        self._links: dict[str, _Link] = {}
        self._durable: set[bytes] = set()

    def take(self, event: Event) -> None:
        """The next event."""
        if event.label.endswith("-wal"):
            self._of_log(event, self._logs.setdefault(event.label, _Log()))
        elif event.label.startswith("TCP") and "->" in event.label:
            self._of_link(event, self._links.setdefault(event.label, _Link()))

    # ---- the disk

    def _of_log(self, event: Event, log: _Log) -> None:
        if event.name == "pwrite64" and not event.is_begin:
            self._written(event, log)
        elif event.name in SYNCS and event.is_begin:
            log.syncing[event.line] = frozenset(log.committed)
        elif event.name in SYNCS and event.result == 0:
            self.proof.syncs[_short(event.label)] += 1
            synced = log.syncing.pop(event.line, frozenset())
            self._durable |= synced
            log.committed -= synced

    def _written(self, event: Event, log: _Log) -> None:
        if event.result != len(event.data):
            return
        if len(event.data) == FRAME_HEADER_BYTES:
            log.is_commit = any(event.data[COMMIT_SIZE])
            return
        log.written |= set(MARK.findall(event.data)) - self._durable
        if log.is_commit:
            self.proof.commits[_short(event.label)] += 1
            log.committed |= log.written
            log.written.clear()
            log.is_commit = False

    # ---- the devices

    def _of_link(self, event: Event, link: _Link) -> None:
        if event.name in CALLS_IN and not event.is_begin and event.result and event.result > 0:
            link.received += event.data[: event.result]
            for head, body in _packets(link.received):
                self._came(head, body, link)
        elif event.name in CALLS_OUT and event.is_begin:
            # What a short write leaves for later is judged now: that is too early, never too late.
            link.sent += event.data
            for head, body in _packets(link.sent):
                self._went(event, head, body, link)
        elif event.name in CALLS_OUT and event.result is not None and event.result < len(event.data):
            raise TraceError(f"line {event.line}: a short write to a device, which this reader does not follow: use fewer readings")

    def _came(self, head: int, body: bytes, link: _Link) -> None:
        if head >> 4 == CONNECT:
            link.version = body[6]
        if head >> 4 != PUBLISH or not head & 6:
            return
        end = 2 + int.from_bytes(body[:2], "big")
        found = MARK.search(body, end)
        self.proof.publishes += 1
        if found:
            link.marks[int.from_bytes(body[end : end + 2], "big")] = found[0]

    def _went(self, event: Event, head: int, body: bytes, link: _Link) -> None:
        if head >> 4 not in (PUBACK, PUBREC):
            return
        kind, packet_id = "PUBACK" if head >> 4 == PUBACK else "PUBREC", int.from_bytes(body[:2], "big")
        self.proof.acks[kind] += 1
        mark = link.marks.get(packet_id)
        if mark is None:
            self.proof.violations.append(f"line {event.line}: {kind} {packet_id} for no reading that came")
        elif mark not in self._durable:
            self.proof.violations.append(f"line {event.line}: {kind} {packet_id} of reading {mark.decode()} left, {self._state(mark)}")

    def _state(self, mark: bytes) -> str:
        if any(mark in log.committed for log in self._logs.values()):
            return "whose commit was written and not synced"
        if any(mark in log.written for log in self._logs.values()):
            return "which was written and not committed"
        return "which was in no log"


def _packets(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Whole MQTT packets from the front of `buffer`, which are taken away."""
    while len(buffer) >= 2:
        length, index = 0, 1
        while index < len(buffer):
            length |= (buffer[index] & 0x7F) << 7 * (index - 1)
            index += 1
            if not buffer[index - 1] & 0x80:
                break
        else:
            return
        if len(buffer) < index + length:
            return
        head, body = buffer[0], bytes(buffer[index : index + length])
        del buffer[: index + length]
        yield head, body


def _short(label: str) -> str:
    return label.rpartition("/")[2]

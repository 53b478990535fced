"""Grades of single records, changed after the fact: which records, by their numbers, count as which grade, on which basis.

Records are named by number (origin, incarnation, first to last), never by a predicate: copies above are masked, so that no predicate would
find them there, and a list of ids in a bundle would tell everybody whom it is about. A raise holds as soon as it is in force; a record
never counts as less than its resource says. Refuses a regrade without a basis or an approver: it has no effect. Called by bundles, the
gate, and whoever reads stored rows for a sink of their own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from policies.arrow import Chosen, call
from policies.columns import grades_of
from policies.entry import Basis
from policies.errors import BundleError
from policies.plan import Plan
from policies.reading import Reader
from policies.words import GRADES
from sync.model import BatchHeader, Level, Run

STREAMS_MAX = 200
NUMBERS_CHARS_MAX = 4_000
"""Characters of the numbers of one stream: about 1,100 single records among a million."""
STRETCHES_MAX = 100_000
"""Stretches of one stream; a short text may claim many."""
NUMBER_MAX = (1 << 63) - 1
CHAINS_MAX = 256
"""Former sets of raises that are recognised, so that a new raise does not have everything decided again."""
_VARINT_BYTES_MAX = 10

Grades = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one origin, `first` to `last`."""

    origin: str
    incarnation: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Regrade:
    """One decision about records of one resource."""

    id: str
    resource: str
    raises: bool
    """True: they count as at least `grade`; False: as at most."""
    grade: int
    streams: tuple[tuple[str, int, str], ...]
    """Origin, incarnation and numbers (see `numbers_text`), sorted."""
    basis: Basis
    proposer: str
    approver: str
    approved_us: int = 0
    """When it was approved, microseconds since 1970 UTC."""

    @classmethod
    def of(cls, value: object, where: str) -> Regrade:
        """A regrade from decoded JSON; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            id=reader.text("id"),
            resource=reader.text("resource"),
            raises=reader.flag("raises", default=True),
            grade=reader.integer("grade", low=GRADES[0], high=GRADES[-1]),
            streams=reader.items("streams", _stream),
            basis=Basis.of(reader.table("basis"), f"{where}.basis"),
            proposer=reader.text("proposer", ""),
            approver=reader.text("approver", ""),
            approved_us=reader.integer("approved_us", 0),
        )
        reader.done()
        if not 0 < len(built.streams) <= STREAMS_MAX:
            raise BundleError(f"{where}.streams refused: 1 to {STREAMS_MAX} streams; make several regrades of it")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {
            "id": self.id,
            "resource": self.resource,
            "raises": self.raises,
            "grade": self.grade,
            "streams": [{"origin": origin, "incarnation": life, "numbers": numbers} for origin, life, numbers in self.streams],
            "basis": self.basis.encoded(),
            "proposer": self.proposer,
            "approver": self.approver,
            "approved_us": self.approved_us,
        }

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The records, ascending by stream and number."""
        return tuple(Stretch(origin, life, first, last) for origin, life, numbers in self.streams for first, last in read_numbers(numbers))

    @property
    def count(self) -> int:
        """How many records."""
        return sum(one.last - one.first + 1 for one in self.stretches)

    @property
    def fault(self) -> str:
        """Why it has no effect: a code for the texts; empty when it has."""
        return self.basis.fault or ("" if self.approver else "no-approver")


def check_may_regrade(regrade: Regrade, level: Level, issuer: str) -> None:
    """The municipality and above regrade any record; below, a node raises records that it made itself. Raises BundleError."""
    if level >= Level.MUNICIPAL:
        return
    foreign = [one.origin for one in regrade.stretches if one.origin != issuer]
    if not regrade.raises or foreign:
        what = f"records of {foreign[0]}" if regrade.raises else "a lower grade"
        raise BundleError(
            f"regrade {regrade.id} of {issuer} refused: level {level.word} raises its own records only, and this is {what}; "
            "have the municipality approve it"
        )


def streams_of(stretches: Iterable[tuple[str, int, int, int]]) -> tuple[tuple[str, int, str], ...]:
    """The streams of a regrade from (origin, incarnation, first, last); raises BundleError when there are too many."""
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for origin, life, first, last in stretches:
        found.setdefault((origin, life), []).append((first, last))
    if len(found) > STREAMS_MAX:
        raise BundleError(f"records of {len(found)} streams refused: at most {STREAMS_MAX}; make several regrades of it")
    return tuple((origin, life, numbers_text(numbers)) for (origin, life), numbers in sorted(found.items()))


def numbers_text(stretches: Iterable[tuple[int, int]]) -> str:
    """Stretches of numbers as short text: base64 of LEB128 integers, for each the gap before it twice, odd where its length follows.

    Raises BundleError when the text would be longer than NUMBERS_CHARS_MAX.
    """
    data, before = bytearray(), 0
    for first, last in _joined(stretches):
        gap, more = first - before - 1, last - first
        data += _varint(gap * 2 + bool(more))
        if more:
            data += _varint(more - 1)
        before = last
    text = base64.b64encode(bytes(data)).decode()
    if len(text) > NUMBERS_CHARS_MAX:
        raise BundleError(f"{len(text)} characters of record numbers refused: at most {NUMBERS_CHARS_MAX}; make several regrades of it")
    return text


def read_numbers(text: str) -> list[tuple[int, int]]:
    """The inverse of `numbers_text`, for text of anybody; raises BundleError."""
    try:
        values = _varints(base64.b64decode(text, validate=True))
        found, before = list[tuple[int, int]](), 0
        for value in values:
            first = before + value // 2 + 1
            before = first + (next(values) + 1 if value % 2 else 0)
            found.append((first, before))
            if before > NUMBER_MAX or len(found) > STRETCHES_MAX:
                raise ValueError("too many")
    except (ValueError, binascii.Error, StopIteration):
        raise BundleError(f"record numbers {text[:40]!r} refused: they are no stretches") from None
    return found


def with_regrades(plan: Plan, digest: bytes) -> Plan:
    """`plan` under the regrades that `digest` names: another plan, because it lets other records pass."""
    return replace(plan, hash=hashlib.sha256(plan.hash + digest).digest()) if digest else plan


class RegradeIndex:
    """The regrades that have effect, by stream: what the gate asks for every batch. Pure."""

    def __init__(self, regrades: Iterable[Regrade]) -> None:
        self._sound = [one for one in regrades if not one.fault]
        self._streams: dict[tuple[str, str, int], list[tuple[bool, int, npt.NDArray[np.int64]]]] = {}
        for one in self._sound:
            for origin, life, numbers in one.streams:
                ends = np.array(read_numbers(numbers), np.int64).reshape(-1, 2)
                self._streams.setdefault((one.resource, origin, life), []).append((one.raises, one.grade, ends))
        self._digests = {code: _digest(self._about(code)) for code in {one.resource for one in self._sound}}

    def touches(self, header: BatchHeader) -> bool:
        """True when a row of a batch is regraded."""
        if not self._streams:
            return False
        return any(run.state.has_rows and _overlaps(run, ends) for run, _, _, ends in self._meeting(header))

    def graded(self, header: BatchHeader, rows: pa.RecordBatch, *, lowers: bool = True) -> pa.RecordBatch:
        """`rows` of a batch with the grades that they count as; `rows` itself when nothing changes. `lowers` False: raised only."""
        if not self._streams or "grade" not in rows.schema.names:
            return rows
        floor, roof = np.zeros(rows.num_rows, np.int8), np.full(rows.num_rows, GRADES[-1], np.int8)
        for run, raises, grade, ends in self._meeting(header):
            if run.state.has_rows and (raises or lowers):
                _mark(run, ends, floor if raises else roof, grade, raises=raises)
        return _with_grades(rows, floor, roof)

    def named(self, header: BatchHeader) -> Chosen:
        """True for each row of a batch that some regrade names."""
        floor = np.zeros(header.row_count, np.int8)
        for run, _, grade, ends in self._meeting(header):
            if run.state.has_rows:
                _mark(run, ends, floor, grade, raises=True)
        return floor > 0

    def digest(self, resource: str) -> bytes:
        """Names the regrades of a resource; empty when there are none."""
        return self._digests.get(resource, b"")

    def former_digests(self, resource: str) -> frozenset[bytes]:
        """The digests of sets to which nothing but raises was added since: what such a set withheld is withheld now."""
        mine = self._about(resource)
        lowers = [one for one in mine if not one.raises]
        raises = sorted((one for one in mine if one.raises), key=lambda one: (one.approved_us, one.id))
        return frozenset(_digest([*lowers, *raises[:kept]]) for kept in range(max(0, len(raises) - CHAINS_MAX), len(raises) + 1))

    def _about(self, resource: str) -> list[Regrade]:
        return [one for one in self._sound if one.resource == resource]

    def _meeting(self, header: BatchHeader) -> Iterator[tuple[Run, bool, int, npt.NDArray[np.int64]]]:
        for run in header.runs:
            for raises, grade, ends in self._streams.get((header.resource, run.origin, run.incarnation), ()):
                yield run, raises, grade, ends


def _overlaps(run: Run, ends: npt.NDArray[np.int64]) -> bool:
    index = int(np.searchsorted(ends[:, 1], run.first))
    return index < len(ends) and bool(ends[index, 0] <= run.last)


def _mark(run: Run, ends: npt.NDArray[np.int64], marks: Grades, grade: int, *, raises: bool) -> None:
    begin = int(np.searchsorted(ends[:, 1], run.first))
    stop = int(np.searchsorted(ends[:, 0], run.last, side="right"))
    pick = np.maximum if raises else np.minimum
    for first, last in ends[begin:stop].tolist():
        low = run.row_offset + max(first, run.first) - run.first
        high = run.row_offset + min(last, run.last) - run.first + 1
        marks[low:high] = pick(marks[low:high], grade)


def _with_grades(rows: pa.RecordBatch, floor: Grades, roof: Grades) -> pa.RecordBatch:
    """Raises win over what lowers; a grade that is missing or none at all stays so, and its row is held."""
    grades = grades_of(rows)
    valid = grades <= GRADES[-1]
    wanted = np.where(valid, np.maximum(np.minimum(grades, roof), floor), grades)
    changed = wanted != grades
    if not changed.any():
        return rows
    index = rows.schema.get_field_index("grade")
    kind = rows.schema.field(index).type
    column = call("if_else", pa.array(changed), pa.array(wanted, pa.int8()).cast(kind), rows.column(index))
    return rows.set_column(index, rows.schema.field(index), column)


def _digest(regrades: Iterable[Regrade]) -> bytes:
    lines = sorted(f"{one.raises} {one.grade} {one.streams!r}" for one in regrades)
    return hashlib.sha256("\n".join(lines).encode()).digest() if lines else b""


def _stream(value: object, where: str) -> tuple[str, int, str]:
    reader = Reader(value, where)
    numbers = reader.text("numbers", chars_max=NUMBERS_CHARS_MAX)
    stream = (reader.text("origin", chars_max=63), reader.integer("incarnation"), numbers)
    reader.done()
    if not read_numbers(numbers):
        raise BundleError(f"{where}.numbers refused: it names no record")
    return stream


def _joined(stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ascending and apart; neighbours become one."""
    held: tuple[int, int] | None = None
    for first, last in sorted(stretches):
        if held is not None and first <= held[1] + 1:
            held = (held[0], max(held[1], last))
            continue
        if held is not None:
            yield held
        held = (first, last)
    if held is not None:
        yield held


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _varints(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0
        elif shift >= 7 * _VARINT_BYTES_MAX:
            raise ValueError("an integer of more than ten bytes")
    if shift:
        raise ValueError("an integer that does not end")

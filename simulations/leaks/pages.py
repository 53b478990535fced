"""Every page of a SQLite file and of its log, the freed ones too, each with what follows it on its overflow chain.

A row that was deleted leaves its bytes on pages that no query reads, and a log keeps every page as it was at each commit; a long value is
cut over many pages. So pages are read here by the file format alone. Source: SQLite, Database File Format, sections 1.3, 1.5, 1.6 and 4.
Called by simulations/leaks/folder.py.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from typing_extensions import Buffer

MAGIC = b"SQLite format 3\x00"
CHAIN_PAGES_MAX = 16_384
"""Pages of one value that are followed; a chain that goes in a circle ends here."""

_WAL_MAGICS = (0x377F0682, 0x377F0683)
_WAL_HEAD, _FRAME_HEAD = 32, 24
_POINTER = struct.Struct(">I")
_WEIGHTS = np.array([1 << 24, 1 << 16, 1 << 8, 1], np.uint32)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it stands in the file, or as one frame of the log has it."""

    number: int
    """From 1."""
    where: str
    data: bytes
    commit: int
    """Which commit of the log wrote it; 0 for the file itself."""


def is_database(path: Path) -> bool:
    """True for a SQLite file."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_pages(path: Path) -> list[Page]:
    """Every page of the file at `path` and of the log beside it."""
    data = path.read_bytes()
    size = _page_bytes(data)
    pages = [Page(at // size + 1, f"page {at // size + 1}", data[at : at + size], 0) for at in range(0, len(data), size)]
    log = path.with_name(path.name + "-wal")
    return pages + (list(_frames(log.read_bytes())) if log.exists() else [])


def _page_bytes(data: bytes) -> int:
    size = int.from_bytes(data[16:18], "big")
    return 65_536 if size == 1 else max(size, 512)


def _frames(log: bytes) -> Iterator[Page]:
    """Frames by their place alone: those of an older turn of the log, which SQLite skips, are there too."""
    if len(log) < _WAL_HEAD or _POINTER.unpack_from(log)[0] not in _WAL_MAGICS:
        return
    size = _POINTER.unpack_from(log, 8)[0]
    commit = 1
    for index, at in enumerate(range(_WAL_HEAD, len(log) - _FRAME_HEAD, _FRAME_HEAD + size)):
        number, pages_after = struct.unpack_from(">II", log, at)
        yield Page(number, f"frame {index} (page {number})", log[at + _FRAME_HEAD : at + _FRAME_HEAD + size], commit)
        commit += bool(pages_after)


class Chains:
    """Pages with what follows them."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._versions: dict[int, list[Page]] = {}
        for page in pages:
            self._versions.setdefault(page.number, []).append(page)
        self._number_max = max(self._versions, default=0)

    def ways(self, page: Page) -> Iterator[tuple[int, Page | None]]:
        """How `page` may be read: up to which of its bytes, and the page that goes on from there; None where nothing does.

        As a link of a chain, and with each chain that a row on it may go on with: its kind of today says nothing of what it was.
        """
        following = self._following(page, _POINTER.unpack_from(page.data)[0])
        yield len(page.data), following
        yield from self._rows(page)

    def after(self, page: Page | None) -> Iterator[bytes]:
        """What stands on `page`, a link of a chain, and on those after it, page by page."""
        for _ in range(CHAIN_PAGES_MAX):
            if page is None:
                return
            yield page.data[_POINTER.size :]
            page = self._following(page, _POINTER.unpack_from(page.data)[0])

    def _rows(self, page: Page) -> Iterator[tuple[int, Page | None]]:
        """A row ends, on its page, with the number of the page where it goes on; a freed one still does, so every place is tried."""
        numbers = np.lib.stride_tricks.sliding_window_view(np.frombuffer(page.data, np.uint8), 4).astype(np.uint32) @ _WEIGHTS
        for place in np.flatnonzero((numbers > 1) & (numbers <= self._number_max)):
            following = self._following(page, int(numbers[place]))
            # Only a page of a chain begins with the number of another, or with none.
            if following is not None and _POINTER.unpack_from(following.data)[0] <= self._number_max:
                yield int(place), following

    def _following(self, page: Page, number: int) -> Page | None:
        """The version of a page that stood when `page` was written; the next one where it was not there yet."""
        versions = self._versions.get(number, [])
        if number == page.number or not versions:
            return None
        place = bisect_left(versions, page.commit + 1, key=lambda version: version.commit)
        return versions[max(place - 1, 0)]


class Reader(io.RawIOBase):
    """Pieces of bytes as one stream, fetched as far as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """The next bytes; 0 at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

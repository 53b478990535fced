"""A journal on a small disk: what node/keeping/storage.py sees of it. Called by simulations/inject_quotas.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from node.store.journal import SqliteJournal
from node.store.usage import Space
from simulations.checkers.quotas import Look, read_marks


@dataclass(slots=True)
class SmallDisk:
    """A disk of so many bytes that nobody else uses."""

    bytes: int
    look: Look = Look()
    """The last look of the journal's keeper: it decides over nothing newer."""

    def under(self, journal: SqliteJournal) -> Any:
        """`journal` as it looks on this disk."""
        return _OnDisk(journal, self)


class _OnDisk:
    def __init__(self, journal: SqliteJournal, disk: SmallDisk) -> None:
        self._journal = journal
        self._disk = disk

    def space(self) -> Space:
        space = self._journal.space()
        self._disk.look = Look(self._journal.last_lsn, self._journal.look("look at the marks", read_marks))
        return replace(space, disk_free_bytes=max(0, self._disk.bytes - space.file_bytes))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

"""Turns what SQLite raises into the journal's own errors; every statement of this package runs inside `guarded`.

Refuses to let an `sqlite3.Error` out: callers see JournalFull (nothing written, free space and go on), JournalCorrupt (the file cannot be
trusted) or JournalError, each naming the file and the way out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync.model import JournalCorrupt, JournalError, JournalFull

WAY_OUT = "restore it from a backup, or move it away and re-seed this node from its parent"
"""What an operator can do about a file that cannot be trusted."""

_PRIMARY_CODE = 0xFF
"""Low byte of an extended result code: the primary one (sqlite.org/rescode.html)."""
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class ForeignJournal(JournalError):
    """The file is of another node, another incarnation or a newer program: trying again changes nothing."""


@contextmanager
def guarded(path: Path, doing: str) -> Iterator[None]:
    """Run a block of SQLite work on `path`; `doing` names it in the error, as in "commit of 3 writes"."""
    try:
        yield
    except sqlite3.Error as error:
        raise journal_error(path, doing, error) from error
    except OverflowError as error:
        raise JournalError(f"{doing} refused by {path.name}: a number does not fit 63 bits ({error})") from error


def journal_error(path: Path, doing: str, error: sqlite3.Error) -> JournalError:
    """The journal's own error for `error`, which happened while `doing` something with `path`."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return JournalFull(f"{doing} refused by {path}: no space is left ({error}); free space or raise its quota, nothing was written")
    if code in _CORRUPT:
        return JournalCorrupt(f"{doing} failed: {path} is damaged ({error}); {WAY_OUT}")
    if code == sqlite3.SQLITE_READONLY:
        return JournalError(f"{doing} refused: {path} cannot be written ({error}); check its owner, mode and mount, nothing was written")
    return JournalError(f"{doing} failed on {path}: {error}; check the disk, nothing was written")


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for an error of the Python layer, such as a closed connection."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY_CODE

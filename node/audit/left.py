"""A note of what a verb does beside the node, on its folder: left there before it acts, and entered in the audit log by the node.

Owns the folder of notes (`audit-left/` beside the journal), one small file each. A note that cannot be written is refused, and the verb
does not act. Called by the verbs that work on the folder; the running node reads them (left_notes.py).
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from node.audit.entry import Scalar, wanted
from node.audit.errors import AuditRefused
from node.audit.words import AuditKind
from node.files import write_durably
from node.identity.chance import new_id
from node.untrusted import UNREADABLE

FOLDER = "audit-left"
SUFFIX = ".json"
NOTE_BYTES_MAX = 8_192


class Note(msgspec.Struct, frozen=True):
    """What a verb was about to do."""

    verb: Annotated[str, Meta(min_length=1, max_length=64)]
    subject: str
    by: str
    at_us: int
    """When it said so, by the clock of the machine."""
    detail: dict[str, Scalar] = {}


@contextmanager
def left(data: Path, verb: str, subject: str, *, at_us: int, detail: dict[str, Scalar] | None = None, by: str = "") -> Iterator[None]:
    """Leave a note in the data folder of a node, then act; where that fails, a second note says so. Raises AuditRefused, OSError.

    `by` is who acts; empty: the user of this machine.
    """
    told, who = detail or {}, by or _person()
    first = _leave(data, Note(verb, subject, who, at_us, told))
    is_done = False
    try:
        yield
        is_done = True
    finally:
        if not is_done:
            _leave(data, Note(verb, subject, who, at_us, {**told, "refused": first}))


def _leave(data: Path, note: Note) -> str:
    wanted(AuditKind.OPERATOR, note.subject, note.by, note.detail)
    name = new_id()
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(folder / f"{name}{SUFFIX}", msgspec.json.encode(note))
    return name


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def read_note(path: Path) -> Note | None:
    """The note in a file; None for one that is none."""
    try:
        data = path.read_bytes() if path.stat().st_size <= NOTE_BYTES_MAX else b""
        note = msgspec.json.decode(data, type=Note)
        wanted(AuditKind.OPERATOR, note.subject, note.by, note.detail)
    except (*UNREADABLE, AuditRefused):
        return None
    return note

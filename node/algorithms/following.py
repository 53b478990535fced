"""What the processes of a node did to its models by themselves, entered in the audit log and counted: took over, proved itself, taken back.

They write it into the history of each algorithm; this follows those histories by the mark of their file. What a person did was noted before
it had effect (shelf.py) and is passed over here. Owns `followed.json`, up to where each history was entered, so that a restart enters
nothing twice and nothing that happened meanwhile is lost. Called by the runtime's background.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from edge_ai.errors import EdgeError
from edge_ai.models.library import Library
from edge_ai.models.package import read_bounded, read_card
from edge_ai.models.standing import Happened
from edge_ai.reasons import plain
from node.algorithms.shelf import BY_ITSELF
from node.audit.entry import TEXT_CHARS_MAX, Detail
from node.audit.errors import AuditRefused
from node.audit.words import AuditKind
from node.files import write_durably
from node.untrusted import UNREADABLE

FILE, FILE_BYTES_MAX = "followed.json", 4 << 20
LOOK_EVERY_S = 5.0
ROLLED_BACK = "rolled-back"

log = logging.getLogger("yunnao.algorithms")


class Entering(Protocol):
    """The audit log (`node.audit.desk.AuditDesk`)."""

    async def note(self, kind: AuditKind, subject: str, *, by: str, detail: Detail) -> int:
        """Enter something; raises AuditRefused."""


@dataclass(slots=True)
class LibraryFollower:
    """Follows one node's library."""

    library: Library
    audit: Entering
    on_rolled_back: Callable[[str, str, str], None]
    """Told of id, version and SHA-256 of each model that was taken back, whoever did it."""
    _marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    _upto: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    """The newest line of each history that was entered: time, word, version."""
    _is_read: bool = False

    async def run(self) -> None:
        """Follow for as long as the node runs."""
        while True:
            try:
                await self.look()
            except (AuditRefused, EdgeError, OSError) as error:
                # What is not entered now is entered at the next look: it is in the history.
                log.warning("what happened to models is not entered in the audit log: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Enter what is new. Raises AuditRefused, AlgorithmError, OSError."""
        for id_, said in await asyncio.to_thread(self._news):
            await self._enter(id_, said)
            self._upto[id_] = _key(said)
            await asyncio.to_thread(self._keep)

    async def _enter(self, id_: str, said: Happened) -> None:
        manifest, content = await asyncio.to_thread(self._known, id_, said.version)
        if said.what == ROLLED_BACK and manifest:
            self.on_rolled_back(id_, said.version, manifest)
        if said.by:
            return
        state = await asyncio.to_thread(self.library.state, id_)
        detail: Detail = {
            "action": said.what, "version": said.version, "content": content, "live": state.live, "why": plain(said.why)[:TEXT_CHARS_MAX],
            "at_us": said.at_us,
        }  # fmt: skip
        await self.audit.note(AuditKind.OPERATOR, id_, by=BY_ITSELF, detail=detail)

    def _known(self, id_: str, version: str) -> tuple[str, str]:
        """SHA-256 of the model and content id of a version; empty where it is gone already."""
        try:
            return self.library.manifest(id_, version).sha256, read_card(self.library.folder(id_, version)).content_sha256
        except EdgeError:
            return "", ""

    def _news(self) -> list[tuple[str, Happened]]:
        if not self._is_read:
            self._upto, self._is_read = self._read(), True
        found = []
        for id_ in self.library.ids():
            mark = self.library.state_mark(id_)
            if self._marks.get(id_) == mark:
                continue
            history = self.library.state(id_).history
            keys = [_key(one) for one in history]
            begin = keys.index(self._upto[id_]) + 1 if self._upto.get(id_) in keys else 0
            found += [(id_, one) for one in history[begin:]]
            if begin == len(history):
                self._marks[id_] = mark
        return found

    @property
    def _path(self) -> Path:
        return self.library.root / FILE

    def _keep(self) -> None:
        write_durably(self._path, msgspec.json.encode(self._upto))

    def _read(self) -> dict[str, tuple[int, str, str]]:
        if not self._path.is_file():
            return {}
        try:
            return msgspec.json.decode(read_bounded(self._path, FILE_BYTES_MAX), type=dict[str, tuple[int, str, str]])
        except (*UNREADABLE, EdgeError) as error:
            log.warning("histories of models are entered anew: %s cannot be read (%s)", self._path, error)
            return {}


def _key(said: Happened) -> tuple[int, str, str]:
    return (said.at_us, said.what, said.version)

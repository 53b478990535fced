"""What the rules of a camera must know after a restart: open events, and things that stay. One JSON file per camera.

Written beside, flushed to the disk and renamed, so a crash leaves the old file or the new one. A file that cannot be read is set aside
under another name and named; the camera goes on without it. Called by book.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec

from edge_ai.errors import EvidenceError
from edge_ai.reasons import reason, system_reason, told
from edge_ai.rules.stay import Stay
from edge_ai.wire.events import EventRow

FORMAT = 1
FILE_BYTES_MAX = 8 << 20
OPEN_MAX = 4_096
"""Open events, and things that stay, of one camera."""
DAMAGED_SUFFIX = ".damaged"


class OpenEvent(msgspec.Struct, frozen=True):
    """An event that has begun and not ended."""

    rule: str
    place: str
    row: EventRow


class KeptStay(msgspec.Struct, frozen=True):
    """A thing that stays, and whose rule it concerns."""

    rule: str
    stay: Stay


class Kept(msgspec.Struct, frozen=True):
    """The content of the file."""

    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)] = FORMAT
    open: Annotated[tuple[OpenEvent, ...], msgspec.Meta(max_length=OPEN_MAX)] = ()
    stays: Annotated[tuple[KeptStay, ...], msgspec.Meta(max_length=OPEN_MAX)] = ()


class PlaceFile:
    """The file of one camera in `folder`."""

    def __init__(self, folder: Path, camera: str) -> None:
        self.path = folder / f"{quote(camera, safe='')}.json"
        self.trouble = ""
        """What was wrong with the file that was there; empty when nothing was."""

    def load(self) -> Kept:
        """What was kept; nothing when there is no file or it is damaged, which is then set aside."""
        try:
            with self.path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return Kept()
        except OSError as error:
            self.trouble = told(reason("places-unreadable", file=self.path.name, what=system_reason(error)))
            return Kept()
        try:
            if len(data) > FILE_BYTES_MAX:
                raise msgspec.ValidationError(f"over {FILE_BYTES_MAX} bytes")
            return msgspec.json.decode(data, type=Kept)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._set_aside(str(error))
            return Kept()

    def save(self, kept: Kept) -> None:
        """Put `kept` on the disk; raises EvidenceError naming the file when the disk refuses."""
        beside = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with beside.open("wb") as file:
                file.write(msgspec.json.encode(kept))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise EvidenceError(reason("places-unwritable", file=self.path.name, what=system_reason(error))) from error

    def _set_aside(self, why: str) -> None:
        aside = self.path.with_suffix(DAMAGED_SUFFIX)
        self.trouble = told(reason("places-damaged", file=self.path.name, aside=aside.name, what=why))
        try:
            self.path.replace(aside)
        except OSError as error:
            self.trouble = told(reason("places-stuck", file=self.path.name, damage=why, what=system_reason(error)))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

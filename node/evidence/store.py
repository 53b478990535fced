"""The files of originals: `evidence/YYYY/MM/DD/<sha256>.jpg`, by the day of the picture (UTC), with the boxes of each event beside them.

Owns the folder. A file comes in by a rename, after its hash was read from the file itself; a name that a worker gave is never used as a
path. Refuses links, and files that are not what their name says. Called by desk.py, keeping.py and check.py, off the event loop.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_ai.wire.events import INCOMING, ORIGINAL_BYTES_MAX
from node.evidence.errors import EvidenceDamaged, EvidenceUnknown
from node.files import sync_folder, write_durably

FOLDER = "evidence"
"""Below the node's data folder."""
PICTURE, BOXES = ".jpg", ".json"
BOXES_BYTES_MAX = 128 << 10
"""More than the most boxes of an event weigh, with the longest words."""
_SHA256 = re.compile("[0-9a-f]{64}")
_PLAIN = re.compile("[0-9A-Za-z_-]{1,64}")
_DAY = re.compile(r"(\d{4})/(\d{2})/(\d{2})")


@dataclass(frozen=True, slots=True)
class Found:
    """A picture's file."""

    sha256: str
    """As its name says."""
    day: str
    bytes: int


@dataclass(frozen=True, slots=True)
class EvidenceStore:
    """The folder."""

    folder: Path

    def make(self) -> None:
        """Make the folder, for this user alone. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def free_bytes(self) -> int:
        """Room on the disk. Raises OSError."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize

    def waiting_bytes(self, sha256: str) -> int:
        """Bytes of a file that a worker laid down; 0 when there is none."""
        try:
            return (self.folder / INCOMING / f"{sha256}{PICTURE}").stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def take_over(self, sha256: str, at_us: int) -> int:
        """Move what a worker laid down to its day, where it may lie already; its bytes. Raises EvidenceFault, OSError."""
        target, source = self.path_of(sha256, at_us), self.folder / INCOMING / f"{sha256}{PICTURE}"
        if not (source.is_file() or source.is_symlink()):
            if target.is_file():
                return len(self.read(sha256, at_us))
            raise EvidenceUnknown(f"original {sha256[:12]} was not laid down")
        size = len(checked(source, sha256, ORIGINAL_BYTES_MAX))
        self.make_day(target.parent)
        source.replace(target)
        sync_folder(target.parent)
        return size

    def turn_away(self, sha256: str) -> None:
        """Remove what a worker laid down and nothing keeps. Raises OSError."""
        (self.folder / INCOMING / f"{sha256}{PICTURE}").unlink(missing_ok=True)

    def keep_boxes(self, event_id: str, at_us: int, boxes: bytes) -> None:
        """Write the boxes of an event beside its picture, durably. Raises OSError."""
        write_durably(self.boxes_of(event_id, at_us), boxes)

    def read(self, sha256: str, at_us: int) -> bytes:
        """A picture, as its hash says. Raises EvidenceUnknown, EvidenceDamaged, OSError."""
        return checked(self.path_of(sha256, at_us), sha256, ORIGINAL_BYTES_MAX)

    def read_boxes(self, event_id: str, at_us: int) -> bytes:
        """The boxes of an event; empty when there is no file. Raises EvidenceDamaged, OSError."""
        try:
            return read_own(self.boxes_of(event_id, at_us), BOXES_BYTES_MAX)
        except EvidenceUnknown:
            return b""

    def remove(self, sha256: str, at_us: int) -> None:
        """Let a picture go; nothing happens when it is gone. Raises OSError."""
        path = self.path_of(sha256, at_us)
        path.unlink(missing_ok=True)
        self.tidy(path.parent)

    def remove_boxes(self, event_id: str, at_us: int) -> None:
        """Let the boxes of an event go. Raises OSError."""
        path = self.boxes_of(event_id, at_us)
        path.unlink(missing_ok=True)
        self.tidy(path.parent)

    def has(self, sha256: str, at_us: int) -> bool:
        """True when a file of that name lies there; its content is not read."""
        return self.path_of(sha256, at_us).is_file()

    def files(self, ending: str = PICTURE) -> Iterator[Found]:
        """Every picture under a day, in no order, or what else has a hash for its name. Raises OSError."""
        for path in self.folder.glob(f"*/*/*/*{ending}"):
            day = path.parent.relative_to(self.folder).as_posix()
            if _DAY.fullmatch(day) and _SHA256.fullmatch(path.stem):
                with suppress(FileNotFoundError):
                    yield Found(path.stem, day, path.stat(follow_symlinks=False).st_size)

    def incoming(self) -> list[tuple[str, int, int]]:
        """What workers laid down: (sha256, bytes, modified in microseconds since 1970 UTC). Raises OSError."""
        folder = self.folder / INCOMING
        if not folder.is_dir():
            return []
        found = []
        for path in folder.glob(f"*{PICTURE}"):
            with suppress(FileNotFoundError):
                facts = path.stat(follow_symlinks=False)
                found.append((path.stem, facts.st_size, facts.st_mtime_ns // 1_000))
        return found

    def path_of(self, sha256: str, at_us: int, ending: str = PICTURE) -> Path:
        """Where a picture of that time lies, or what else has a hash for its name."""
        assert _SHA256.fullmatch(sha256), "hashes are checked at the door"
        return self.folder / day_of(at_us) / f"{sha256}{ending}"

    def boxes_of(self, event_id: str, at_us: int) -> Path:
        """Where the boxes of an event lie; an id that is no plain word is named by its hash."""
        name = event_id if is_plain(event_id) else hashlib.sha256(event_id.encode()).hexdigest()[:24]
        return self.folder / day_of(at_us) / f"{name}{BOXES}"

    def make_day(self, day: Path) -> None:
        """Make the folder of a day, durably."""
        if not day.is_dir():
            day.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (day.parent, day.parent.parent, self.folder):
                sync_folder(folder)

    def tidy(self, day: Path) -> None:
        """Remove a day that holds nothing any more, and its month and year."""
        for folder in (day, day.parent, day.parent.parent):
            try:
                folder.rmdir()
            except OSError:
                return


def day_of(at_us: int) -> str:
    """The folder of a time, UTC: `2026/11/21`."""
    return datetime.fromtimestamp(min(at_us, _LAST_US) // 1_000_000, UTC).strftime("%Y/%m/%d")


_LAST_US = 4_102_444_800_000_000
"""2100: a wrong clock of a camera makes no folder beyond it."""


def is_plain(event_id: str) -> bool:
    """True for an id that may name a file."""
    return _PLAIN.fullmatch(event_id) is not None


def checked(path: Path, sha256: str, bytes_max: int) -> bytes:
    """The bytes of a file that is no link and is what its name says. Raises EvidenceUnknown, EvidenceDamaged, OSError."""
    data = read_own(path, bytes_max)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise EvidenceDamaged(f"{path.suffix[1:]} {sha256[:12]} is not what its name says: somebody or the disk changed it")
    return data


def read_own(path: Path, bytes_max: int) -> bytes:
    """The bytes of a file that is no link, at most so many. Raises EvidenceUnknown, EvidenceDamaged, OSError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise EvidenceUnknown(f"{path.name[:24]} is not in its folder (any more)") from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise EvidenceDamaged(f"{path.name[:24]} is a link: somebody put it there") from None
    with os.fdopen(handle, "rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise EvidenceDamaged(f"{path.name[:24]} has over {bytes_max} bytes: somebody or the disk changed it")
    return data

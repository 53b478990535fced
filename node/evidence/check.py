"""The folder against the book, both ways: files that no row knows, rows whose file is gone or is not what it was.

Changes nothing but, where told, the word of a row whose file is gone, or is there again: no row is deleted for want of a file, and no file
for want of a row. Called by desk.py at every start, by the API, and by `yunnao doctor`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from node.evidence.book import EvidenceBook, Picture, State
from node.evidence.clip_book import Clip, ClipBook, ClipState
from node.evidence.clip_store import ClipStore
from node.evidence.errors import EvidenceFault
from node.evidence.store import EvidenceStore

STEP = 500
"""Rows looked at in one step."""
NAMED_MAX = 50
"""Names that a report gives of each fault; it counts all."""


@dataclass(slots=True)
class Faults:
    """Names, the first of them, and how many."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """One more."""
        self.count += 1
        if len(self.names) < NAMED_MAX:
            self.names.append(name)


@dataclass(slots=True)
class Report:
    """What a look found."""

    kept: int = 0
    """Events whose original is kept."""
    clips: int = 0
    """Events whose clip is kept; what is wrong with one is among the faults below, like an original's."""
    files: int = 0
    bytes: int = 0
    """Of all files."""
    waiting: int = 0
    """Files that workers laid down and whose event has not come yet."""
    without_rows: Faults = field(default_factory=Faults)
    """Files, by hash: what a crash left; they go when they are old."""
    without_files: Faults = field(default_factory=Faults)
    """Events whose original was kept and is gone."""
    damaged: Faults = field(default_factory=Faults)
    """Events whose original is not what its hash says; found by a deep look alone."""

    @property
    def holds(self) -> bool:
        """True when every row has its file, whole as far as was looked."""
        return not (self.without_files.count or self.damaged.count)


def compare(book: EvidenceBook, store: EvidenceStore, *, deep: bool, settle: bool) -> Report:
    """Look both ways; `deep` reads every file, `settle` says in the book what is lost and what is back. Raises EvidenceFault, OSError."""
    report = Report(waiting=len(store.incoming()))
    clips, clip_files = ClipBook(book), ClipStore(store)
    for files, is_kept, is_back in (
        (store.files(), book.sharing, partial(_is_back, book, store)),
        (clip_files.files(), clips.keeps, partial(_is_clip_back, clips, clip_files)),
    ):
        for found in files:
            report.files += 1
            report.bytes += found.bytes
            # A file may be one event's that is kept and one's that was lost.
            came_back = settle and is_back(found.sha256)
            if not (came_back or is_kept(found.sha256)):
                report.without_rows.add(found.sha256)
    last = ""
    while step := book.lasting(after_event=last, limit=STEP):
        for picture in step:
            _look_at(picture, book, store, report, deep=deep, settle=settle)
        last = step[-1].event_id
    last = ""
    while found_clips := clips.lasting(after_event=last, limit=STEP):
        for clip in found_clips:
            _look_at_clip(clip, clips, clip_files, report, deep=deep, settle=settle)
        last = found_clips[-1].event_id
    return report


def _is_back(book: EvidenceBook, store: EvidenceStore, sha256: str) -> bool:
    """True when lost events have their original again: a start before the disk was there must not cost it."""
    lost = [picture for picture in book.lost_as(sha256) if _holds(store.read, sha256, picture.at_us)]
    book.move([picture.event_id for picture in lost], State.KEPT, "")
    return bool(lost)


def _is_clip_back(clips: ClipBook, files: ClipStore, sha256: str) -> bool:
    lost = [clip for clip in clips.lost_as(sha256) if _holds(files.read, sha256, clip.at_us)]
    for clip in lost:
        clips.enter(replace(clip, state=ClipState.KEPT, why=""))
    return bool(lost)


def _holds(read: Callable[[str, int], bytes], sha256: str, at_us: int) -> bool:
    try:
        read(sha256, at_us)
    except EvidenceFault:
        return False
    return True


def _look_at_clip(clip: Clip, clips: ClipBook, files: ClipStore, report: Report, *, deep: bool, settle: bool) -> None:
    report.clips += 1
    if not files.has(clip.sha256, clip.at_us):
        report.without_files.add(clip.event_id)
        if settle:
            clips.enter(replace(clip, state=ClipState.LOST, why="file-gone"))
        return
    if deep:
        try:
            files.read(clip.sha256, clip.at_us)
        except EvidenceFault:
            report.damaged.add(clip.event_id)


def _look_at(picture: Picture, book: EvidenceBook, store: EvidenceStore, report: Report, *, deep: bool, settle: bool) -> None:
    report.kept += 1
    if not store.has(picture.sha256, picture.at_us):
        report.without_files.add(picture.event_id)
        if settle:
            book.move([picture.event_id], State.LOST, "file-gone")
        return
    if deep:
        try:
            store.read(picture.sha256, picture.at_us)
        except EvidenceFault:
            report.damaged.add(picture.event_id)

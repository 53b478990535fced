"""How long originals stay: by age and by room, of all and of each kind of rule; what is open is never let go by itself.

Owns the decision and its order: the row says it before the file goes, so that a crash leaves a file without a row and never a row that
calls a removed file lost. Clips and pictures share one room; where it is short clips go first, because one weighs as much as a hundred
pictures, and the picture of its event stays. Counts what went; the desk enters it in the audit log. Called by desk.py and clips.py, off the
event loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from edge_ai.wire.clips import CLIP_FILE
from node.config.model import EvidenceSection
from node.evidence.book import EvidenceBook, Picture, State
from node.evidence.clip_book import Clip, ClipBook, ClipState
from node.evidence.clip_store import ClipStore
from node.evidence.store import PICTURE, EvidenceStore, day_of

DAY_US = 86_400_000_000
STEPS_MAX = 64
"""Steps of CANDIDATES_MAX originals that are let go for one new one."""
INCOMING_LIFE_US = 7 * DAY_US
"""After this a file that a worker laid down, and whose event never came, is removed."""
AGE, ROOM, FLOOR, KIND_ROOM = "age", "quota", "disk-floor", "kind-quota"
"""Why an original went; or, of a new one, what it found no room in, because everything older is open."""
STRAY = "stray"
"""Files that no row knows, past the longest time."""


@dataclass(frozen=True, slots=True)
class KindRule:
    """How originals of one kind of rule are kept."""

    keep_us: int
    """0: for ever."""
    quota_bytes: int
    """0: no quota of its own."""


@dataclass(frozen=True, slots=True)
class KeepRules:
    """How originals are kept."""

    quota_bytes: int
    """0: none is kept."""
    floor_bytes: int
    keep_us: int
    """0: for ever, as long as there is room."""
    kinds: Mapping[str, KindRule]

    @property
    def keep_us_max(self) -> int:
        """The longest time that any original may stay by age; 0: for ever."""
        times = [self.keep_us, *(rule.keep_us for rule in self.kinds.values())]
        return 0 if 0 in times else max(times)


def rules_of(section: EvidenceSection) -> KeepRules:
    """The rules as configured."""
    kinds = {one.kind: KindRule(one.keep_days * DAY_US, one.quota_mb << 20) for one in section.kind}
    return KeepRules(section.quota_mb << 20, section.disk_floor_mb << 20, section.keep_days * DAY_US, kinds)


@dataclass(slots=True)
class Keeping:
    """The keeper of one node's originals."""

    book: EvidenceBook
    store: EvidenceStore
    rules: KeepRules
    gone: Counter[str] = field(default_factory=Counter)
    """Files let go since the audit log was told, by reason."""
    gone_bytes: int = 0
    clips: ClipBook = field(init=False)
    clip_files: ClipStore = field(init=False)

    def __post_init__(self) -> None:
        """Clips lie beside the pictures, in the same book."""
        self.clips, self.clip_files = ClipBook(self.book), ClipStore(self.store)

    def used_bytes(self, kind: str = "") -> int:
        """What pictures and clips weigh, of one kind of rule or of all. Raises EvidenceFault."""
        return self.book.used_bytes(kind) + self.clips.used_bytes(kind)

    def room_for(self, size: int, kind: str) -> str:
        """Make room for `size` bytes; why not, empty when there is some. Raises EvidenceFault, OSError."""
        rules, own = self.rules, self.rules.kinds.get(kind)
        if size > rules.quota_bytes:
            return ROOM
        if own is not None and own.quota_bytes:
            quota = own.quota_bytes
            if not self._make_room(lambda: self.used_bytes(kind) + size - quota, KIND_ROOM, kind=kind):
                return KIND_ROOM
        if not self._make_room(lambda: self.used_bytes() + size - rules.quota_bytes, ROOM):
            return ROOM
        if rules.floor_bytes - self.store.free_bytes() > self.used_bytes():
            # Something else fills the disk: letting every original go would not bring it back above the floor.
            return FLOOR
        return "" if self._make_room(lambda: rules.floor_bytes - self.store.free_bytes(), FLOOR) else FLOOR

    def expire(self, now_us: int) -> None:
        """Let go what is past its time. Raises EvidenceFault, OSError."""
        rules = self.rules
        for kind, rule in rules.kinds.items():
            if rule.keep_us:
                self._expire_before(now_us - rule.keep_us, kind=kind)
        if rules.keep_us:
            self._expire_before(now_us - rules.keep_us, but=tuple(rules.kinds))
        if rules.keep_us_max:
            self._sweep(now_us - rules.keep_us_max)
        for sha256, _, modified_us in self.store.incoming():
            if modified_us < now_us - INCOMING_LIFE_US:
                self.store.turn_away(sha256)
                self.gone[STRAY] += 1
        if strays := self.clip_files.clear_old(now_us - INCOMING_LIFE_US):
            self.gone[STRAY] += strays

    def drop(self, picture: Picture, why: str) -> list[str]:
        """Let one original go because a person says so; the events whose original it was. Raises EvidenceFault, OSError."""
        return self._let_go(picture, State.DROPPED, why)

    def drop_clip(self, clip: Clip, why: str) -> None:
        """Let one clip go because a person says so. Raises EvidenceFault, OSError."""
        self._let_clip_go(clip, ClipState.DROPPED, why)

    def _expire_before(self, before_us: int, *, kind: str = "", but: tuple[str, ...] = ()) -> None:
        for _ in range(STEPS_MAX):
            clips = self.clips.free_to_go(kind=kind, before_us=before_us, but=but)
            for clip in clips:
                self._let_clip_go(clip, ClipState.EXPIRED, AGE)
            if not clips:
                break
        for _ in range(STEPS_MAX):
            due = self.book.free_to_go(kind=kind, before_us=before_us, but=but)
            for picture in due:
                self._let_go(picture, State.EXPIRED, AGE)
            if not due:
                return

    def _make_room(self, lacking: Callable[[], int], why: str, *, kind: str = "") -> bool:
        for clip in self.clips.free_to_go(kind=kind):
            if lacking() <= 0:
                return True
            self._let_clip_go(clip, ClipState.EXPIRED, why)
        for _ in range(STEPS_MAX):
            if lacking() <= 0:
                return True
            oldest = self.book.free_to_go(kind=kind)
            if not oldest:
                return False
            for picture in oldest:
                self._let_go(picture, State.EXPIRED, why)
                if lacking() <= 0:
                    return True
        return False

    def _let_go(self, picture: Picture, state: State, why: str) -> list[str]:
        sharing = self.book.sharing(picture.sha256)
        if not sharing:
            return []
        self.book.move(sharing, state, why)
        self.store.remove(picture.sha256, picture.at_us)
        for event_id in sharing:
            self.store.remove_boxes(event_id, picture.at_us)
        self.gone[why] += 1
        self.gone_bytes += picture.bytes
        return sharing

    def _let_clip_go(self, clip: Clip, state: ClipState, why: str) -> None:
        self.clips.enter(replace(clip, state=state, why=why))
        if not self.clips.keeps(clip.sha256):
            self.clip_files.remove(clip.event_id, clip.sha256, clip.at_us)
            self.gone_bytes += clip.bytes
        self.gone[why] += 1

    def _sweep(self, before_us: int) -> None:
        """Remove files past the longest time that no row keeps: what a crash left between two steps."""
        last = day_of(before_us)
        for ending, files, is_kept in (
            (PICTURE, self.store.files(), self.book.sharing),
            (CLIP_FILE, self.clip_files.files(), self.clips.keeps),
        ):
            for found in [one for one in files if one.day < last]:
                if not is_kept(found.sha256):
                    (self.store.folder / found.day / f"{found.sha256}{ending}").unlink(missing_ok=True)
                    self.gone[STRAY] += 1
                    self.gone_bytes += found.bytes

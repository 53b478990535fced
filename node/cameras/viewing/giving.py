"""The provider's side of a live view: one masked picture for one signed question, judged anew each time by the gate of any page.

Owns the views that nodes have here: how many, how fast, and their two entries in the audit log and the share records, one before the first
picture leaves and one when the view ends. Refuses a grant that does not speak of live pictures, and a question that it has answered. What
was revoked ends with the picture under way. Keeps no picture. Called through node/tree/routes.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from node.audit.entry import Detail
from node.cameras.errors import ViewRefused
from node.cameras.rows import EVIDENCE
from node.cameras.viewing.live_row import HOW, live_row, picture_in, speaks_of_live
from node.cameras.viewing.pace import Pace
from node.cameras.viewing.papers import ViewQuestion, read_view_question
from node.cameras.viewing.pictures import NAME_CHARS_MAX, LivePicture, LivePictures
from node.errors import NodeError
from node.evidence.stamping import Stamp
from node.requests.envelope import Cursor, PageBody, Signer, page_paper
from node.requests.giving import Giving
from node.requests.shares import Share
from policies.errors import PolicyError
from policies.grant import Grant
from policies.granting import Given
from sync.model import Instant, SyncError
from sync.wire.payload import encode_payload

VIEWS_MAX = 16
"""Views of other nodes at the same time; of one asker and of one camera at most half."""
ENDED_MAX = 4_096
"""Ended views that are remembered, so that no question of theirs begins them again."""
SILENT_S = 30.0
"""Seconds without a question after which a view is over."""
SWEEP_S = 10.0
WHY_CHARS_MAX = 120
OVER = "over"
PACED = "pace"
"""Why no picture came: as many bytes as may leave have left."""
ANSWERED = "this question was answered already, or its view is over: begin a new one"

log = logging.getLogger("yunnao.views")


@dataclass(slots=True)
class _View:
    """One view that another node has here."""

    asked: ViewQuestion
    grant: Grant
    heard_at: Instant
    turn: int = 0
    pictures: int = 0
    size: int = 0
    """Bytes of all pages."""
    digest: bytes = b""
    """Of all that was given, one picture after another."""


@dataclass(slots=True)
class ViewGiving:
    """What this node shows to nodes above."""

    pictures: LivePictures
    giving: Giving
    pace: Pace
    note: Callable[[str, str, Detail], Awaitable[object]]
    """Enters (asker, person, detail) in the audit log, durably; raises AuditRefused."""
    tell: Callable[[str, str, Detail], None]
    """The same with the next commit: the end of a view waits for nothing."""
    _views: dict[tuple[str, str], _View] = field(default_factory=dict)
    """By asker and view."""
    _ended: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    async def answer(self, body: bytes) -> bytes:
        """A page with the newest picture, or one that says why it is empty. Raises CaseError, CameraError, PolicyError, AuditRefused."""
        giving = self.giving
        await giving.cases.follow()
        asked, signer = await asyncio.to_thread(read_view_question, body, giving.seal)
        key = (asked.question.asker, asked.view)
        known = self._checked(key, asked)
        try:
            grant = await asyncio.to_thread(self._judged, asked, signer)
            view = known or await self._begin(key, asked, signer, grant)
            if asked.ends:
                await self._end(key, OVER)
                return await asyncio.to_thread(self._empty, asked, signer, OVER)
            return await self._shown(view, asked, signer, grant)
        except (NodeError, SyncError, PolicyError) as error:
            await self._end(key, str(error))
            raise

    def _checked(self, key: tuple[str, str], asked: ViewQuestion) -> _View | None:
        """The view of a question that was not answered yet; None for the first one."""
        view = self._views.get(key)
        if key in self._ended or (view is not None and (asked.turn <= view.turn or asked.camera != view.asked.camera)):
            raise ViewRefused(ANSWERED)
        if view is not None:
            view.turn, view.heard_at = asked.turn, self.giving.clock.now()
        return view

    def _judged(self, asked: ViewQuestion, signer: Signer) -> Grant:
        giving, case_id = self.giving, asked.question.case_id
        grant = giving.standing_grant(asked.question, signer)
        if grant.resource != EVIDENCE:
            raise ViewRefused(f"request {case_id} is about {grant.resource}: pictures belong to {EVIDENCE}")
        if why := giving.policy.closed(EVIDENCE):
            raise ViewRefused(why)
        if not speaks_of_live(grant, giving.policy.ruleset.resources[EVIDENCE]):
            raise ViewRefused(f"the grant of request {case_id} gives no live view: ask with {HOW}")
        return grant

    async def _begin(self, key: tuple[str, str], asked: ViewQuestion, signer: Signer, grant: Grant) -> _View:
        # Before anything is said about the camera: a grant for one tells neither names nor states of the others.
        await asyncio.to_thread(self._rows, asked, signer, grant, LivePicture(b"-", self.giving.clock.wall_us()))
        if key in self._views or key in self._ended:
            raise ViewRefused(ANSWERED)  # the same question came again while it was judged
        of_asker = sum(known[0] == key[0] for known in self._views)
        of_camera = sum(view.asked.camera == asked.camera for view in self._views.values())
        if len(self._views) >= VIEWS_MAX or max(of_asker, of_camera) >= VIEWS_MAX // 2:
            raise ViewRefused(f"{len(self._views)} views are open here, {of_camera} of camera {asked.camera}: try again when one has ended")
        view = self._views[key] = _View(asked, grant, self.giving.clock.now(), asked.turn)
        await self.note(asked.question.asker, asked.question.by, _detail(view, "begin"))
        await asyncio.to_thread(self.giving.shares.enter, self._share(view))
        return view

    async def _shown(self, view: _View, asked: ViewQuestion, signer: Signer, grant: Grant) -> bytes:
        question, clock = asked.question, self.giving.clock
        names = (f"camera {asked.camera}", f"asker {question.asker}")
        if not all(self.pace.has_room(name, clock.now()) for name in names):
            return await asyncio.to_thread(self._empty, asked, signer, PACED)
        stamp = Stamp(question.asker, question.by[:NAME_CHARS_MAX], clock.wall_us(), f"{question.case_id} {asked.camera}")
        picture = await self.pictures.newest(asked.camera, stamp.line, known_us=question.cursor.after_lsn)
        if picture.missing:
            return await asyncio.to_thread(self._empty, asked, signer, picture.missing)
        page, payload = await asyncio.to_thread(self._given, asked, signer, grant, picture)
        for name in names:
            self.pace.spend(name, len(page), clock.now())
        view.pictures += 1
        view.size += len(page)
        view.digest = hashlib.sha256(view.digest + payload).digest()
        return page

    def _given(self, asked: ViewQuestion, signer: Signer, grant: Grant, picture: LivePicture) -> tuple[bytes, bytes]:
        """The page, and the rows in it."""
        given = self._rows(asked, signer, grant, picture)
        payload = encode_payload(given.rows, compression="zstd")
        cursor = Cursor(after_lsn=picture.time_us)
        page = PageBody(payload=payload, withheld=dict(given.withheld), masks=dict(given.masks), following=cursor, is_last=False)
        return page_paper(page, asked.question, signer.key, self.giving.seal), payload

    def _rows(self, asked: ViewQuestion, signer: Signer, grant: Grant, picture: LivePicture) -> Given:
        """What the gate leaves of a picture. Raises ViewRefused where that is none."""
        giving, asker = self.giving, asked.question.asker
        resource = giving.policy.ruleset.resources[EVIDENCE]
        row = live_row(resource, picture, camera=asked.camera, territory=giving.cases.me.territory)
        given = giving.policy.gate.give(grant, row, level=signer.who.level, keys=giving.recipient_keys(asker, EVIDENCE))
        if not picture_in(given.rows):
            reasons = ", ".join([*given.withheld, *(f"jpeg {mask}" for name, mask in given.masks.items() if name == "jpeg")])
            raise ViewRefused(f"camera {asked.camera} is not shown: {reasons or 'outside the filter or the fields of the grant'}")
        return given

    def _empty(self, asked: ViewQuestion, signer: Signer, why: str) -> bytes:
        page = PageBody(payload=b"", withheld={why: 1}, following=asked.question.cursor, is_last=asked.ends)
        return page_paper(page, asked.question, signer.key, self.giving.seal)

    # ---- the end

    async def run(self) -> None:
        """End views that nobody asks for any more, for as long as the node runs."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()

    async def sweep(self) -> None:
        """End views that were silent for SILENT_S."""
        now = self.giving.clock.now()
        for key in [key for key, view in self._views.items() if now.seconds_since(view.heard_at) > SILENT_S]:
            await self._end(key, "silent")

    async def stop(self) -> None:
        """End all views: the node ends."""
        for key in list(self._views):
            await self._end(key, "node")

    async def _end(self, key: tuple[str, str], why: str) -> None:
        view = self._views.pop(key, None)
        if view is None:
            return
        self._ended[key] = None
        if len(self._ended) > ENDED_MAX:
            self._ended.popitem(last=False)
        self.tell(view.asked.question.asker, view.asked.question.by, _detail(view, "end", why))
        try:
            await asyncio.to_thread(self.giving.shares.enter, self._share(view))
        except NodeError as error:
            # Its beginning is entered, and the audit log has the end: why the view ended matters more than this line.
            log.warning("the end of view %s is not in the share records: %s", view.asked.view, error)

    def _share(self, view: _View) -> Share:
        question, policy = view.asked.question, self.giving.policy
        return Share(
            at_us=self.giving.clock.wall_us(),
            case_id=view.grant.id,
            asker=question.asker,
            by=question.by,
            resource=EVIDENCE,
            fields=view.grant.fields,
            purpose=view.grant.purpose,
            rows=view.pictures,
            withheld={},
            first_lsn=0,
            last_lsn=0,
            sha256=view.digest.hex(),
            policy=policy.version.digest.hex(),
            plan="",
        )


def _detail(view: _View, step: str, why: str = "") -> Detail:
    asked, question = view.asked, view.asked.question
    return {
        "view": asked.view, "step": step, "camera": asked.camera, "request": question.case_id, "resource": EVIDENCE,
        "pictures": view.pictures, "bytes": view.size, "sha256": view.digest.hex(), "why": why[:WHY_CHARS_MAX],
    }  # fmt: skip

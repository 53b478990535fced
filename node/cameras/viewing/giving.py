"""The provider's side of a live view: one masked picture or piece of video for one signed question, judged anew each time by the gate.

Owns the views that nodes have here: how many, how fast, how long, and their two entries in the audit log and the share records, one before
anything leaves and one when the view ends. Refuses a grant that does not speak of this kind of view, and a question that it has answered.
What was revoked ends with the question under way. Keeps nothing that was shown. Called through node/tree/routes.py.
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
from node.cameras.viewing.kind import Live, Source, ViewKind
from node.cameras.viewing.pace import Pace, PieceSize
from node.cameras.viewing.papers import ViewQuestion, read_view_question
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

NAME_CHARS_MAX = 80
"""Of whoever looks, as burnt in: a longer name must not push time and request out of the stamp."""
ENDED_MAX = 4_096
"""Ended views that are remembered, so that no question of theirs begins them again."""
SILENT_S = 30.0
"""Seconds without a question after which a view is over."""
SWEEP_S = 10.0
WHY_CHARS_MAX = 120
OVER = "over"
PACED = "pace"
"""Why nothing came: as many bytes as may leave have left."""
RECORDS_FIRST = "records-first"
"""Why nothing came: records wait for the link above."""
ANSWERED = "this question was answered already, or its view is over: begin a new one"

log = logging.getLogger("yunnao.views")


@dataclass(slots=True)
class _View:
    """One view that another node has here."""

    asked: ViewQuestion
    grant: Grant
    source: Source
    begun_at: Instant
    heard_at: Instant
    turn: int = 0
    rows: int = 0
    """Pictures or pieces of video."""
    pictures: int = 0
    size: int = 0
    """Bytes of all pages."""
    digest: bytes = b""
    """Of all that was given, one after another."""
    piece: PieceSize = field(default_factory=PieceSize)


@dataclass(slots=True)
class ViewGiving:
    """What this node shows to nodes above, of one kind."""

    kind: ViewKind
    source: Callable[[str], Source]
    """What a view of a camera shows; anew for each view."""
    giving: Giving
    pace: Pace
    note: Callable[[str, str, Detail], Awaitable[object]]
    """Enters (asker, person, detail) in the audit log, durably; raises AuditRefused."""
    tell: Callable[[str, str, Detail], None]
    """The same with the next commit: the end of a view waits for nothing."""
    must_yield: Callable[[], bool] = lambda: False
    """True while what is shown would hold up records on the link above."""
    _views: dict[tuple[str, str], _View] = field(default_factory=dict)
    """By asker and view."""
    _ended: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    async def answer(self, body: bytes) -> bytes:
        """A page with what is newest, or one that says why it is empty. Raises CaseError, CameraError, PolicyError, AuditRefused."""
        giving = self.giving
        await giving.cases.follow()
        asked, signer = await asyncio.to_thread(read_view_question, body, giving.seal, label=self.kind.label)
        key = (asked.question.asker, asked.view)
        known = self._checked(key, asked)
        try:
            grant = await asyncio.to_thread(self._judged, asked, signer)
            view = known or await self._begin(key, asked, signer, grant)
            if asked.ends:
                await self._end(key, OVER)
                return await asyncio.to_thread(self._empty, asked, signer, OVER)
            self._check_length(view)
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

    def _check_length(self, view: _View) -> None:
        if self.giving.clock.now().seconds_since(view.begun_at) > self.kind.seconds_max:
            raise ViewRefused(f"a view of {self.kind.name} lasts at most {self.kind.seconds_max:g} s: begin a new one")

    def _judged(self, asked: ViewQuestion, signer: Signer) -> Grant:
        giving, case_id = self.giving, asked.question.case_id
        grant = giving.standing_grant(asked.question, signer)
        how = self.kind.how(giving.cases.me.node, asked.camera)
        if grant.resource != self.kind.resource:
            what = f"live {self.kind.name} belong to {self.kind.resource}"
            raise ViewRefused(f"request {case_id} is about {grant.resource}: {what}; ask with {how}")
        if why := giving.policy.closed(grant.resource):
            raise ViewRefused(why)
        if not self.kind.is_spoken_of(grant, giving.policy.ruleset.resources[grant.resource]):
            raise ViewRefused(f"the grant of request {case_id} gives no live view of {self.kind.name}: ask with {how}")
        return grant

    async def _begin(self, key: tuple[str, str], asked: ViewQuestion, signer: Signer, grant: Grant) -> _View:
        if self.kind.unmasked and not asked.why.strip():
            raise ViewRefused(f"{self.kind.name} of camera {asked.camera} refused: say why you look, which is kept")
        # Before anything is said about the camera: a grant for one tells neither names nor states of the others.
        await asyncio.to_thread(self._rows, asked, signer, grant, _Probe(time_us=self.giving.clock.wall_us()))
        if key in self._views or key in self._ended:
            raise ViewRefused(ANSWERED)  # the same question came again while it was judged
        of_asker = sum(known[0] == key[0] for known in self._views)
        of_camera = sum(view.asked.camera == asked.camera for view in self._views.values())
        if len(self._views) >= self.kind.views_max or max(of_asker, of_camera) >= self.kind.views_max // 2:
            raise ViewRefused(f"{len(self._views)} views are open here, {of_camera} of camera {asked.camera}: try again when one has ended")
        now = self.giving.clock.now()
        view = self._views[key] = _View(asked, grant, self.source(asked.camera), now, now, asked.turn)
        await self.note(asked.question.asker, asked.question.by, self._detail(view, "begin", asked.why))
        await asyncio.to_thread(self.giving.shares.enter, self._share(view))
        return view

    async def _shown(self, view: _View, asked: ViewQuestion, signer: Signer, grant: Grant) -> bytes:
        question, clock = asked.question, self.giving.clock
        view.piece.asked(clock.now())
        if self.must_yield():
            return await asyncio.to_thread(self._empty, asked, signer, RECORDS_FIRST)
        names = (f"camera {asked.camera}", f"asker {question.asker}")
        if not all(self.pace.has_room(name, clock.now()) for name in names):
            return await asyncio.to_thread(self._empty, asked, signer, PACED)
        live = await view.source.newest(self._stamp(asked), question.cursor.after_lsn, view.piece.bytes_max)
        if live.missing:
            return await asyncio.to_thread(self._empty, asked, signer, live.missing)
        page, payload = await asyncio.to_thread(self._given, asked, signer, grant, live)
        for name in names:
            self.pace.spend(name, len(page), clock.now())
        view.piece.given(len(page), clock.now())
        view.rows += 1
        view.pictures += live.pictures
        view.size += len(page)
        view.digest = hashlib.sha256(view.digest + payload).digest()
        return page

    def _stamp(self, asked: ViewQuestion) -> Stamp:
        question = asked.question
        return Stamp(question.asker, question.by[:NAME_CHARS_MAX], self.giving.clock.wall_us(), f"{question.case_id} {asked.camera}")

    def _given(self, asked: ViewQuestion, signer: Signer, grant: Grant, live: Live) -> tuple[bytes, bytes]:
        """The page, and the rows in it."""
        given = self._rows(asked, signer, grant, live)
        payload = encode_payload(given.rows, compression="zstd")
        cursor = Cursor(after_lsn=live.position)
        page = PageBody(payload=payload, withheld=dict(given.withheld), masks=dict(given.masks), following=cursor, is_last=False)
        return page_paper(page, asked.question, signer.key, self.giving.seal), payload

    def _rows(self, asked: ViewQuestion, signer: Signer, grant: Grant, live: Live) -> Given:
        """What the gate leaves of it. Raises ViewRefused where that is nothing."""
        giving, asker, kind = self.giving, asked.question.asker, self.kind
        resource = giving.policy.ruleset.resources[kind.resource]
        row = kind.row(resource, live, self._stamp(asked), camera=asked.camera, territory=giving.cases.me.territory)
        given = giving.policy.gate.give(grant, row, level=signer.who.level, keys=giving.recipient_keys(asker, kind.resource))
        if not kind.cells_in(given.rows):
            masks = [f"{name} {mask}" for name, mask in given.masks.items() if name in kind.columns]
            reasons = ", ".join([*given.withheld, *masks])
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
        self.tell(view.asked.question.asker, view.asked.question.by, self._detail(view, "end", why))
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
            resource=self.kind.resource,
            fields=view.grant.fields,
            purpose=view.grant.purpose,
            rows=view.rows,
            withheld={},
            first_lsn=0,
            last_lsn=0,
            sha256=view.digest.hex(),
            policy=policy.version.digest.hex(),
            plan="",
        )

    def _detail(self, view: _View, step: str, why: str) -> Detail:
        """`why` is why somebody looks, and at the end why the view is over; it lasted until its last question."""
        asked, question = view.asked, view.asked.question
        seconds = round(view.heard_at.seconds_since(view.begun_at))
        return {
            "view": asked.view, "step": step, "camera": asked.camera, "request": question.case_id, "resource": self.kind.resource,
            "shows": self.kind.name, "purpose": view.grant.purpose, "seconds": seconds, "pictures": view.pictures, "bytes": view.size,
            "sha256": view.digest.hex(), "why": why[:WHY_CHARS_MAX],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Probe:
    """Something to be judged before anything is asked of a camera."""

    time_us: int
    data: bytes = b"-"
    position: int = 0
    pictures: int = 1
    missing: str = ""
    why: str = ""

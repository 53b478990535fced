"""Views that people at this node have: of its own cameras, or of those of a node elsewhere in the tree under a grant.

Owns which views are open, when one is over, and the entry of its end in the audit log (its beginning is entered as a verb is,
node/audit/operator.py). A picture of this node's own camera is judged as a row that this person is shown. Keeps no picture.
Called by api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from node.audit.entry import Detail
from node.cameras.errors import ViewRefused
from node.cameras.rows import EVIDENCE
from node.cameras.viewing.live_row import live_row, picture_in
from node.cameras.viewing.pictures import BUSY, NAME_CHARS_MAX, LivePicture, LivePictures
from node.cameras.viewing.taking import RemoteView, granted_view
from node.clock import Clock
from node.errors import NodeError
from node.evidence.stamping import Stamp
from node.policy.store import PolicyStore
from node.requests.kind import PROVIDER
from node.requests.taking import Taking
from policies.errors import PolicyError
from sync.model import Instant, SyncError

VIEWS_MAX = 16
SILENT_S = 30.0
"""Seconds after which a view is over that nobody asks: whoever looked has gone."""
SWEEP_S = 10.0
VIEW_BYTES = 8
"""Of chance, in the name of a view."""


class _Source(Protocol):
    """Where the pictures of a view come from."""

    async def newest(self) -> LivePicture:
        """The newest picture that was not had yet, or why there is none."""
        ...

    async def end(self) -> None:
        """Nobody looks any more."""
        ...


@dataclass(slots=True)
class _OwnView:
    """A view of a camera of this node."""

    desk: ViewDesk
    camera: str
    by: str
    clearance: int
    _known_us: int = 0

    async def newest(self) -> LivePicture:
        """As `_Source`. Raises CameraError, PolicyError."""
        desk = self.desk
        stamp = Stamp(desk.node, self.by[:NAME_CHARS_MAX], desk.clock.wall_us(), f"{self.camera} live")
        picture = await desk.pictures.newest(self.camera, stamp.line, known_us=self._known_us)
        if picture.missing:
            return picture
        shown = await asyncio.to_thread(desk.shown_to, picture, self.camera, self.clearance)
        self._known_us = picture.time_us
        return shown

    async def end(self) -> None:
        """Nothing is kept of it."""


@dataclass(slots=True)
class _Open:
    """A view that somebody has open."""

    source: _Source
    camera: str
    node: str
    by: str
    heard_at: Instant
    pictures: int = 0
    bytes: int = 0
    is_asking: bool = False


@dataclass(slots=True)
class ViewDesk:
    """One node's people who look."""

    node: str
    territory: str
    pictures: LivePictures
    taking: Taking
    policy: PolicyStore
    clock: Clock
    nonce: Callable[[], bytes]
    tell: Callable[[str, str, Detail], None]
    """Enters (camera, person, detail) in the audit log with the next commit."""
    _views: dict[str, _Open] = field(default_factory=dict)

    async def begin(self, camera: str, *, by: str, node: str = "", case_id: str = "", clearance: int) -> dict[str, str]:
        """Open a view; its name, and the request under which it is. Raises CameraError, CaseError."""
        if len(self._views) >= VIEWS_MAX:
            raise ViewRefused(f"{VIEWS_MAX} views are open at this node: end one, or wait {SILENT_S:g} s after its viewer has gone")
        view = self.nonce()[:VIEW_BYTES].hex()
        source: _Source = _OwnView(self, camera, by, clearance)
        if node and node != self.node:
            case = await granted_view(self.taking, node, case_id)
            case_id, node = case.id, case.parties[PROVIDER].node
            source = RemoteView(self.taking, case_id, camera, by, view, provider=node)
        self._views[view] = _Open(source, camera, node or self.node, by, self.clock.now())
        return {"view": view, "node": node or self.node, "request": case_id}

    async def next(self, view: str) -> LivePicture:
        """The newest picture that the view has not had. A refusal ends it. Raises CameraError, CaseError, RouteRefused, PolicyError."""
        known = self._views.get(view)
        if known is None:
            raise ViewRefused("this view is over: begin a new one")
        if known.is_asking:
            return LivePicture(missing=BUSY)
        known.heard_at, known.is_asking = self.clock.now(), True
        try:
            picture = await known.source.newest()
        except (NodeError, SyncError, PolicyError) as error:
            self._close(view, str(error))
            raise
        finally:
            known.is_asking = False
            known.heard_at = self.clock.now()
        known.pictures += bool(picture.jpeg)
        known.bytes += len(picture.jpeg)
        return picture

    async def end(self, view: str, why: str = "over") -> dict[str, object]:
        """End a view; the other node hears so where it can be reached, and else by silence. One that is over already is no error."""
        known = self._close(view, why)
        if known is None:
            return {"pictures": 0}
        try:
            await known.source.end()
        except (NodeError, SyncError, PolicyError):
            return {"pictures": known.pictures, "told": False}
        return {"pictures": known.pictures, "told": True}

    def shown_to(self, picture: LivePicture, camera: str, clearance: int) -> LivePicture:
        """The picture as a person of a clearance is shown it. Blocking; raises CameraError, PolicyError."""
        if why := self.policy.closed(EVIDENCE):
            raise ViewRefused(why)
        resource = self.policy.ruleset.resources.get(EVIDENCE)
        if resource is None:
            raise ViewRefused(f"{EVIDENCE} is not in the catalogue in force here: pictures are shown when the policy has arrived")
        row = live_row(resource, picture, camera=camera, territory=self.territory)
        jpeg = picture_in(self.policy.gate.view(EVIDENCE, row, clearance=clearance).rows)
        if not jpeg:
            raise ViewRefused(f"camera {camera} is not shown at clearance L{clearance}: the policy in force withholds its pictures")
        return LivePicture(jpeg, picture.time_us, picture.masking)

    async def run(self) -> None:
        """End views that nobody asks for any more, for as long as the node runs."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()

    async def sweep(self) -> None:
        """End views that were silent for SILENT_S."""
        now = self.clock.now()
        silent = [view for view, known in self._views.items() if not known.is_asking and now.seconds_since(known.heard_at) > SILENT_S]
        for view in silent:
            await self.end(view, "silent")

    async def stop(self) -> None:
        """End all views without telling anybody: the node ends, and its links are going."""
        for view in list(self._views):
            self._close(view, "node")

    def _close(self, view: str, why: str) -> _Open | None:
        known = self._views.pop(view, None)
        if known is not None:
            detail: Detail = {
                "verb": "camera_view_end", "view": view, "node": known.node, "pictures": known.pictures, "bytes": known.bytes,
                "why": why[:120],
            }  # fmt: skip
            self.tell(known.camera, known.by, detail)
        return known

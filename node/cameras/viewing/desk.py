"""Views that people at this node have: of its own cameras, or of those of a node elsewhere in the tree under a grant.

Owns which views are open, when one is over, and the entry of its end in the audit log (its beginning is entered as a verb is,
node/audit/operator.py). What a camera of this node shows is judged as a row that this person is shown. Keeps nothing of it.
Called by api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge_ai.wire.views import PIECE_BYTES_MAX
from node.audit.entry import Detail
from node.cameras.errors import ViewRefused
from node.cameras.viewing.giving import NAME_CHARS_MAX
from node.cameras.viewing.kind import Live, Source, ViewKind
from node.cameras.viewing.questions import BUSY
from node.cameras.viewing.taking import RemoteView, granted_view
from node.clock import Clock
from node.errors import NodeError
from node.evidence.stamping import Stamp
from node.policy.store import PolicyStore
from node.requests.taking import Taking
from policies.errors import PolicyError
from sync.model import Instant, SyncError

VIEWS_MAX = 16
SILENT_S = 30.0
"""Seconds after which a view is over that nobody asks: whoever looked has gone."""
SWEEP_S = 10.0
VIEW_BYTES = 8
"""Of chance, in the name of a view."""


class _View(Protocol):
    """What somebody looks at."""

    async def newest(self) -> Live:
        """What follows what the view has, or why there is nothing."""
        ...

    async def end(self) -> None:
        """Nobody looks any more."""
        ...


@dataclass(slots=True)
class _OwnView:
    """A view of a camera of this node."""

    desk: ViewDesk
    kind: ViewKind
    source: Source
    camera: str
    by: str
    clearance: int
    _position: int = 0

    async def newest(self) -> Live:
        """As `_View`. Raises CameraError, PolicyError."""
        desk = self.desk
        stamp = Stamp(desk.node, self.by[:NAME_CHARS_MAX], desk.clock.wall_us(), f"{self.camera} live")
        live = await self.source.newest(stamp, self._position, PIECE_BYTES_MAX)
        if not live.missing:
            await asyncio.to_thread(desk.check_shown, self.kind, live, stamp, self.camera, self.clearance)
            self._position = live.position
        return live

    async def end(self) -> None:
        """Nothing is kept of it."""


@dataclass(slots=True)
class _Open:
    """A view that somebody has open."""

    source: _View
    kind: ViewKind
    camera: str
    node: str
    case_id: str
    """The request that gives it; empty for a camera of this node."""
    by: str
    begun_at: Instant
    heard_at: Instant
    pictures: int = 0
    bytes: int = 0
    is_asking: bool = False


@dataclass(slots=True)
class ViewDesk:
    """One node's people who look."""

    node: str
    territory: str
    kinds: Mapping[bool, tuple[ViewKind, Callable[[str], Source]]]
    """What a view shows and where it has it from, by whether it is unmasked."""
    taking: Taking
    policy: PolicyStore
    clock: Clock
    nonce: Callable[[], bytes]
    tell: Callable[[str, str, Detail], None]
    """Enters (camera, person, detail) in the audit log with the next commit."""
    _views: dict[str, _Open] = field(default_factory=dict)

    def kind(self, *, unmasked: bool) -> ViewKind:
        """What a view shows."""
        return self.kinds[unmasked][0]

    async def begin(
        self, camera: str, *, by: str, node: str = "", case_id: str = "", clearance: int, unmasked: bool = False, why: str = ""
    ) -> dict[str, str]:
        """Open a view; its name, and the request under which it is. Raises CameraError, CaseError."""
        if len(self._views) >= VIEWS_MAX:
            raise ViewRefused(f"{VIEWS_MAX} views are open at this node: end one, or wait {SILENT_S:g} s after its viewer has gone")
        kind, source_of = self.kinds[unmasked]
        if unmasked and not why.strip():
            raise ViewRefused(f"{kind.name} of camera {camera} refused: say why you look, which is kept")
        view, node = self.nonce()[:VIEW_BYTES].hex(), node or self.node
        source: _View = _OwnView(self, kind, source_of(camera), camera, by, clearance)
        if node != self.node:
            case_id = (await granted_view(self.taking, kind, node, case_id, camera=camera)).id
            source = RemoteView(
                kind=kind, taking=self.taking, provider=node, case_id=case_id, camera=camera, by=by, view=view, why=why
            )  # fmt: skip
        now = self.clock.now()
        self._views[view] = _Open(source, kind, camera, node, case_id, by, now, now)
        return {"view": view, "node": node, "request": case_id}

    async def next(self, view: str) -> Live:
        """What follows what the view has had. A refusal ends it. Raises CameraError, CaseError, RouteRefused, PolicyError."""
        known = self._views.get(view)
        if known is None:
            raise ViewRefused("this view is over: begin a new one")
        if known.is_asking:
            return known.kind.nothing(BUSY)
        known.heard_at, known.is_asking = self.clock.now(), True
        try:
            live = await known.source.newest()
            self._check_length(known)
        except (NodeError, SyncError, PolicyError) as error:
            self._close(view, str(error))
            raise
        finally:
            known.is_asking = False
            known.heard_at = self.clock.now()
        known.pictures += live.pictures
        known.bytes += len(live.data)
        return live

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

    def check_shown(self, kind: ViewKind, live: Live, stamp: Stamp, camera: str, clearance: int) -> None:
        """Raise ViewRefused, PolicyError unless a person of a clearance is shown what a camera of this node shows. Blocking."""
        if why := self.policy.closed(kind.resource):
            raise ViewRefused(why)
        resource = self.policy.ruleset.resources.get(kind.resource)
        if resource is None:
            raise ViewRefused(f"{kind.resource} is not in the catalogue in force here: cameras are shown when the policy has arrived")
        row = kind.row(resource, live, stamp, camera=camera, territory=self.territory)
        if not kind.cells_in(self.policy.gate.view(kind.resource, row, clearance=clearance).rows):
            raise ViewRefused(f"camera {camera} is not shown at clearance L{clearance}: the policy in force withholds its {kind.name}")

    def _check_length(self, known: _Open) -> None:
        if self.clock.now().seconds_since(known.begun_at) > known.kind.seconds_max:
            raise ViewRefused(f"a view of {known.kind.name} lasts at most {known.kind.seconds_max:g} s: begin a new one")

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
                "verb": "camera_view_end", "view": view, "node": known.node, "request": known.case_id, "shows": known.kind.name,
                "seconds": round(known.heard_at.seconds_since(known.begun_at)), "pictures": known.pictures, "bytes": known.bytes,
                "why": why[:120],
            }  # fmt: skip
            self.tell(known.camera, known.by, detail)
        return known

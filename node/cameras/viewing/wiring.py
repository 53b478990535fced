"""Live views put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from node.assembly import Parts
from node.audit.entry import Detail
from node.audit.words import AuditKind
from node.cameras.viewing.desk import ViewDesk
from node.cameras.viewing.giving import ViewGiving
from node.cameras.viewing.kind import Source, ViewKind
from node.cameras.viewing.pace import Pace, records_first
from node.cameras.viewing.pictures import PICTURES, LivePictures
from node.cameras.viewing.video import VIDEO, LiveVideo
from node.identity.chance import new_nonce
from node.requests.wiring import Requests


@dataclass(frozen=True, slots=True)
class Views:
    """Those who look from here, and those above who look at this node's cameras."""

    desk: ViewDesk
    pictures: ViewGiving
    video: ViewGiving

    def background(self) -> list[Coroutine[Any, Any, object]]:
        """What runs as long as the node."""
        return [self.desk.run(), self.pictures.run(), self.video.run()]

    async def stop(self) -> None:
        """End all views."""
        await self.desk.stop()
        await self.pictures.stop()
        await self.video.stop()


def views_of(parts: Parts, pictures: LivePictures, video: LiveVideo, requests: Requests) -> Views:
    """Both sides; questions under grants are answered from now on."""
    desk = ViewDesk(
        node=parts.me.node,
        territory=parts.me.territory,
        kinds={False: (PICTURES, pictures.source), True: (VIDEO, video.source)},
        taking=requests.taking,
        policy=parts.policy,
        clock=parts.clock,
        nonce=new_nonce,
        tell=partial(_tell, parts, AuditKind.QUERY),
    )
    edge = parts.config.file.edge
    return Views(
        desk,
        _giving(parts, PICTURES, pictures.source, requests, kib_s=edge.view_kib_s),
        _giving(parts, VIDEO, video.source, requests, kib_s=edge.video_kib_s),
    )


def _giving(parts: Parts, kind: ViewKind, source: Callable[[str], Source], requests: Requests, *, kib_s: int) -> ViewGiving:
    async def note(asker: str, by: str, detail: Detail) -> None:
        await parts.audit.note(AuditKind.PAGE, asker, by=by, detail=detail)

    def must_yield() -> bool:
        """Whoever asks is nearly always above; what goes down to a node below has no records beside it to speak of."""
        return parts.parent is not None and records_first(parts.runtime.engine.pace(parts.parent.node, parts.clock.now()))

    giving = ViewGiving(
        kind=kind,
        source=source,
        giving=requests.giving,
        pace=Pace(kib_s << 10),
        note=note,
        tell=partial(_tell, parts, AuditKind.PAGE),
        must_yield=must_yield,
    )
    requests.taking.routes.answering[kind.verb] = giving.answer
    return giving


def _tell(parts: Parts, kind: AuditKind, subject: str, by: str, detail: Detail) -> None:
    parts.audit.add(kind, subject, by=by, detail=detail)

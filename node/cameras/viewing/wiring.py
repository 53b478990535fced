"""Live views put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from node.assembly import Parts
from node.audit.entry import Detail
from node.audit.words import AuditKind
from node.cameras.viewing.desk import ViewDesk
from node.cameras.viewing.giving import ViewGiving
from node.cameras.viewing.pace import Pace
from node.cameras.viewing.papers import VIEW
from node.cameras.viewing.pictures import LivePictures
from node.identity.chance import new_nonce
from node.requests.wiring import Requests


@dataclass(frozen=True, slots=True)
class Views:
    """Those who look from here, and those above who look at this node's cameras."""

    desk: ViewDesk
    giving: ViewGiving

    def background(self) -> list[Coroutine[Any, Any, object]]:
        """What runs as long as the node."""
        return [self.desk.run(), self.giving.run()]

    async def stop(self) -> None:
        """End all views."""
        await self.desk.stop()
        await self.giving.stop()


def views_of(parts: Parts, pictures: LivePictures, requests: Requests) -> Views:
    """Both sides; questions under grants are answered from now on."""
    desk = ViewDesk(
        node=parts.me.node,
        territory=parts.me.territory,
        pictures=pictures,
        taking=requests.taking,
        policy=parts.policy,
        clock=parts.clock,
        nonce=new_nonce,
        tell=partial(_tell, parts, AuditKind.QUERY),
    )
    return Views(desk, _giving(parts, pictures, requests))


def _giving(parts: Parts, pictures: LivePictures, requests: Requests) -> ViewGiving:
    async def note(asker: str, by: str, detail: Detail) -> None:
        await parts.audit.note(AuditKind.PAGE, asker, by=by, detail=detail)

    giving = ViewGiving(
        pictures=pictures,
        giving=requests.giving,
        pace=Pace(parts.config.file.edge.view_kib_s << 10),
        note=note,
        tell=partial(_tell, parts, AuditKind.PAGE),
    )
    requests.taking.routes.answering[VIEW] = giving.answer
    return giving


def _tell(parts: Parts, kind: AuditKind, subject: str, by: str, detail: Detail) -> None:
    parts.audit.add(kind, subject, by=by, detail=detail)

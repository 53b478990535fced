"""The verbs of the local API by which a person looks at a camera: a view is begun, asked for what comes next, and ended. Called by
node/api.py."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from node.cameras.viewing.desk import ViewDesk
from node.cameras.viewing.pictures import LivePicture
from node.cameras.viewing.video import LivePiece
from node.cases.verbs import NodeName, Plain, Table
from node.policy.showing import Looking, Showing

Camera = Annotated[str, Meta(min_length=1, max_length=64)]
View = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class Begin(Looking, forbid_unknown_fields=True, kw_only=True):
    """Sit down to look at a camera, of this node or, under a grant, of another one."""

    camera: Camera
    node: NodeName = ""
    request: Annotated[str, Meta(max_length=64)] = ""
    """The granted request; empty: the newest one that gives such a view."""
    unmasked: bool = False
    """True: the camera's own video; False: masked pictures."""


class OneView(msgspec.Struct, forbid_unknown_fields=True):
    """A view that was begun."""

    view: View


@dataclass(frozen=True, slots=True)
class ViewVerbs:
    """Answers the verbs; the parts are asked for when one is called."""

    desk: Callable[[], ViewDesk]
    showing: Callable[[], Showing]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "camera_view_begin": (Begin, self._begin),
            "camera_view_next": (OneView, self._next),
            "camera_view_end": (OneView, self._end),
        }

    async def _begin(self, asked: Begin) -> Plain:
        desk = self.desk()
        if asked.node in ("", desk.node):
            await self.showing().grade_max(desk.kind(unmasked=asked.unmasked).resource, asked)
        begun = await desk.begin(
            asked.camera, by=asked.by or "operator", node=asked.node, case_id=asked.request, clearance=asked.clearance,
            unmasked=asked.unmasked, why=asked.why,
        )  # fmt: skip
        return dict(begun)

    async def _next(self, asked: OneView) -> Plain:
        live = await self.desk().next(asked.view)
        said: Plain = {"time_us": live.time_us, "missing": live.missing, "why": live.why}
        data = base64.b64encode(live.data).decode()
        if isinstance(live, LivePiece):
            facts = {"codec": live.codec, "pictures": live.pictures, "lost_s": live.lost_s, "more": live.more}
            return {"video": data} | facts | said
        return {"jpeg": data, "masking": live.masking if isinstance(live, LivePicture) else ""} | said

    async def _end(self, asked: OneView) -> Plain:
        return await self.desk().end(asked.view)

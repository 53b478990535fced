"""The page on which a person draws with the mouse, or the keys, where a rule looks: a still, clicks, the rule as TOML, and save.

Owns what the page may ask: a check of a rule, and its save into the list of cameras, with the checks of `yunnao camera zone`; the list is
read anew each time, so nothing that others changed is undone. The still stays in memory. Called by node/verbs/camera_page.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_ai.errors import SpecError
from edge_ai.rule_spec import RuleKind
from node.cameras.errors import CameraError
from node.cameras.grid import POINTS_MAX
from node.cameras.listing import CameraList, rule_text
from node.cameras.zoning import with_rule
from node.config.errors import ConfigError
from node.config.model import CameraEntry
from node.errors import NodeError
from node.loopback.http import JSON, Reply, Request, RequestRefused
from node.loopback.page import Page
from node.misfit import misfit
from node.untrusted import UNREADABLE

Share = Annotated[float, Meta(ge=0, le=1)]
LINE_KINDS = (RuleKind.LINE.value, RuleKind.LEVEL.value)
"""Kinds of rules with two points."""


class Drawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as it was drawn."""

    name: Annotated[str, Meta(max_length=64)]
    kind: Annotated[str, Meta(max_length=32)]
    classes: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=64)]
    points: Annotated[list[tuple[Share, Share]], Meta(max_length=POINTS_MAX)]


@dataclass(slots=True)
class ZonePage:
    """One camera's page."""

    camera: str
    still: bytes
    """JPEG as the camera gave it: not masked, it stays with whoever has the page."""
    listed: Callable[[], CameraList]
    """The list as it is now; blocking, raises NodeError."""
    changed: Callable[[], AbstractContextManager[CameraList]]
    """The same while nobody else writes it; what is changed in the block is durable at its end. Blocking, raises NodeError."""
    told: Callable[[], str]
    """Tells the running node of a change; what became of that, in words. Blocking, raises NodeError."""
    page: Callable[[dict[str, object]], Page]
    """The page, from what only this module knows of it."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    """Requests so far: whoever waits for an idle page looks at it."""
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, request: Request) -> Reply:
        """The page, `still.jpg`, and the posts `check`, `save` and `done`. Raises RequestRefused."""
        self.asked += 1
        if (request.method, request.path) == ("GET", ""):
            return (await asyncio.to_thread(self._opened)).reply()
        if (request.method, request.path) == ("GET", "still.jpg"):
            return Reply("image/jpeg", self.still)
        if request.method == "POST" and request.path in ("check", "save"):
            async with self._one_at_a_time:
                return _json(await asyncio.to_thread(self._taken, _drawn(request.body), saves=request.path == "save"))
        if (request.method, request.path) == ("POST", "done"):
            self.done.set()
            return _json({"why": "", "toml": ""})
        raise RequestRefused(404, "there are still.jpg, check, save and done")

    def _opened(self) -> Page:
        try:
            camera = self.listed().find(self.camera)
        except (CameraError, ConfigError) as error:
            raise RequestRefused(503, str(error)) from None
        return self.page(
            {
                "rules": rules_of(camera), "kinds": ["", *(kind.value for kind in RuleKind)], "line_kinds": list(LINE_KINDS),
                "points_max": POINTS_MAX,
            }
        )  # fmt: skip

    def _taken(self, drawn: Drawn, *, saves: bool) -> dict[str, object]:
        """The rule as TOML, and why it cannot be, or what saving it did."""
        toml = ""
        try:
            with self.changed() if saves else nullcontext(self.listed()) as listed:
                points = [(x, y) for x, y in drawn.points]
                changed = with_rule(listed.find(self.camera), drawn.name, drawn.kind, points, drawn.classes)
                toml = rule_text(changed.rule[-1])
                listed.put(changed, None)
                listed.check([changed])
            said = self.told() if saves else ""
        except (NodeError, SpecError) as error:
            return {"why": str(error), "toml": toml}
        except OSError as error:
            return {"why": f"the list cannot be written ({error.strerror}): free space, or mend the folder", "toml": toml}
        return {"why": "", "toml": toml, "said": said, "rules": rules_of(changed)}


def rules_of(camera: CameraEntry) -> list[dict[str, object]]:
    """The rules of a camera as the page shows them; kind is empty where a preset says it."""
    return [{"name": rule.name, "kind": rule.kind, "preset": rule.preset, "points": rule.points} for rule in camera.rule]


def _drawn(body: bytes) -> Drawn:
    try:
        return msgspec.json.decode(body, type=Drawn)
    except UNREADABLE as error:
        raise RequestRefused(400, f"this is no rule: {misfit(error, Drawn)}") from None


def _json(plain: dict[str, object]) -> Reply:
    return Reply(JSON, msgspec.json.encode(plain))

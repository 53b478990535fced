"""The cameras of a running node over changes of their list. Refuses a list that cannot run, and goes on with the one before.

Called by wiring.py; `reload` by the API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_ai.errors import SpecError
from edge_ai.looks.capacity import Admission
from edge_ai.spec import CameraSpec, MaskWish
from edge_ai.wire.clips import ClipNote, ClipOrder
from edge_ai.wire.states import Value
from edge_ai.wire.views import VideoMessage, VideoOrder, ViewMessage, ViewOrder
from node.cameras.admission import admission_of
from node.cameras.errors import CameraRefused
from node.cameras.listing import camera_specs, held_list
from node.cameras.rule_changing import ChangedKey, with_change
from node.cameras.rule_entries import watches
from node.cameras.supervisor import CameraSupervisor
from node.config.config import NodeConfig, load_config

Key = tuple[str, str]
"""(camera, rule)."""
Supervise = Callable[[Sequence[CameraSpec], Admission | None], CameraSupervisor]


@dataclass(slots=True)
class CameraHost:
    """One node's cameras."""

    config: NodeConfig
    supervise: Supervise
    """Makes the supervisor of the cameras of now; called once."""
    rule_kinds: dict[Key, str]
    """Filled here for whoever turns events into incidents; the same dict for good."""
    _specs: list[CameraSpec] = field(init=False)
    _supervisor: CameraSupervisor = field(init=False)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Of reloads: a list as it was may not be served after the list as it is."""

    def __post_init__(self) -> None:
        specs = camera_specs(self.config)
        self._supervisor = self.supervise(specs, admission_of(specs, self.config))
        self._take(self.config, specs)

    async def run(self) -> None:
        """Serve the cameras until cancelled."""
        await self._supervisor.run()

    def cameras(self) -> list[dict[str, object]]:
        """Every camera with its newest state."""
        return self._supervisor.cameras()

    @property
    def specs(self) -> Sequence[CameraSpec]:
        """The cameras of now as their workers know them."""
        return self._specs

    def tell(self, value: Value) -> None:
        """Bring a device's newest value to the rules that ask for it."""
        self._supervisor.tell(value)

    def look(self, order: ViewOrder) -> None:
        """Ask for the newest picture of a camera; it comes to whoever `hear_views` named."""
        self._supervisor.look(order)

    def hear_views(self, came: Callable[[ViewMessage], None]) -> None:
        """Bring pictures that `look` asked for to `came` from now on."""
        self._supervisor.on_view = came

    def watch(self, order: VideoOrder) -> None:
        """Ask for the packets of a camera; they come to whoever `hear_video` named."""
        self._supervisor.watch(order)

    def hear_video(self, came: Callable[[VideoMessage], None]) -> None:
        """Bring packets that `watch` asked for to `came` from now on."""
        self._supervisor.on_video = came

    def order_clip(self, order: ClipOrder) -> bool:
        """Ask for the clip of an event; False where nobody reads its camera. What becomes of it comes to whoever `hear_clips` named."""
        return self._supervisor.order_clip(order)

    def hear_clips(self, came: Callable[[ClipNote], None]) -> None:
        """Bring what becomes of clips to `came` from now on."""
        self._supervisor.on_clip = came

    def wants_mosaic(self, camera: str) -> bool:
        """True for a camera of which nothing may leave sharp."""
        return any(spec.id == camera and spec.mask is MaskWish.MOSAIC for spec in self._specs)

    def codes(self) -> dict[str, CameraSpec]:
        """Cameras that have a national code, by it; of two entries of one camera the first."""
        return {spec.code: spec for spec in reversed(self._specs) if spec.code}

    async def reload(self) -> dict[str, Any]:
        """Take the list as it is on disk now; what became of it. Raises ConfigError, CameraRefused with nothing changed."""
        async with self._one_at_a_time:
            config = await asyncio.to_thread(load_config, self.config.path)
            try:
                specs = await asyncio.to_thread(camera_specs, config)
            except SpecError as error:
                raise CameraRefused(f"the list of cameras cannot run: {error}") from None
            is_changed = specs != self._specs
            if is_changed:
                self._supervisor.change(specs, await asyncio.to_thread(admission_of, specs, config))
                self._take(config, specs)
            return {"cameras": len(specs), "changed": is_changed}

    async def change_rule(self, camera: str, rule: str, key: ChangedKey, then: str) -> dict[str, Any]:
        """Change a rule of a camera of cameras.toml and serve it. Raises CameraUnknown, CameraRefused, ConfigError with nothing changed."""
        await asyncio.to_thread(self._save_rule, camera, rule, key, then)
        return await self.reload()

    def _save_rule(self, camera: str, rule: str, key: ChangedKey, then: str) -> None:
        with held_list(self.config.path, "rule change") as listed:
            before = listed.before(camera) or listed.find(camera)
            listed.put(with_change(before, rule, key, then), None)
            listed.save()

    def _take(self, config: NodeConfig, specs: list[CameraSpec]) -> None:
        self.config, self._specs = config, specs
        self.rule_kinds.clear()
        self.rule_kinds |= {(camera.id, rule.name): watches(rule) for camera in config.cameras for rule in camera.rule}

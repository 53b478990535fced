"""The cameras of a running node, over changes of their list: one supervisor at a time, replaced when the list says something else.

Owns when workers are started anew: a change of any camera starts all workers of the node again, which costs each camera a second or two
of pictures and no event, because events wait in the workers' spools. Refuses a list that cannot run, and goes on with the one before.
Called by node/appliance.py; `reload` by the API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_ai.errors import SpecError
from edge_ai.spec import CameraSpec
from edge_ai.wire import Value
from node.cameras.errors import CameraRefused
from node.cameras.listing import camera_specs
from node.cameras.rule_entries import watches
from node.cameras.supervisor import CameraSupervisor
from node.config.config import NodeConfig, load_config

Key = tuple[str, str]
"""(camera, rule)."""


@dataclass(slots=True)
class CameraHost:
    """One node's cameras."""

    config: NodeConfig
    supervise: Callable[[Sequence[CameraSpec]], CameraSupervisor]
    """Makes the supervisor of some cameras; the one before it has stopped by then."""
    rule_kinds: dict[Key, str]
    """Filled here for whoever turns events into incidents; the same dict for good."""
    _specs: list[CameraSpec] = field(init=False)
    _supervisor: CameraSupervisor = field(init=False)
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    starts: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._take(self.config, camera_specs(self.config))

    async def run(self) -> None:
        """Serve the cameras until cancelled."""
        while True:
            self._changed.clear()
            self.starts += 1
            serving = asyncio.ensure_future(self._supervisor.run())
            changing = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait({serving, changing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changing.cancel()
                serving.cancel()
                ended = (await asyncio.gather(serving, return_exceptions=True))[0]
            if isinstance(ended, Exception):
                raise ended
            self._supervisor = self.supervise(self._specs)

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

    def codes(self) -> dict[str, CameraSpec]:
        """Cameras that have a national code, by it."""
        return {spec.code: spec for spec in self._specs if spec.code}

    async def reload(self) -> dict[str, Any]:
        """Take the list as it is on disk now; what became of it. Raises ConfigError, CameraRefused with nothing changed."""
        config = await asyncio.to_thread(load_config, self.config.path)
        try:
            specs = await asyncio.to_thread(camera_specs, config)
            is_changed = specs != self._specs
            if is_changed:
                self.supervise(specs)  # one that could not be made must not end the one that runs
        except SpecError as error:
            raise CameraRefused(f"the list of cameras cannot run: {error}") from None
        if is_changed:
            self._take(config, specs, is_new=False)
            self._changed.set()
        return {"cameras": len(specs), "changed": is_changed}

    def _take(self, config: NodeConfig, specs: list[CameraSpec], *, is_new: bool = True) -> None:
        self.config, self._specs = config, specs
        self.rule_kinds.clear()
        self.rule_kinds |= {(camera.id, rule.name): watches(rule) for camera in config.cameras for rule in camera.rule}
        if is_new:
            self._supervisor = self.supervise(specs)

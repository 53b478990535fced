"""The capture and analysis processes of a node's cameras: which there are, and the fewest changes from one list of cameras to the next.

A process whose part of the list says the same as before runs on; one whose part changed ends after its frame and starts with the new one;
events wait in its spool meanwhile. Called by node/cameras/supervisor.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from edge_ai.analysis.bell import Bell
from edge_ai.spec import OPENS_PER_S, CameraSpec
from node.cameras.grouping import Group, Places, analysis_work, capture_work, clear_rings, grouped
from node.cameras.process import Work, WorkerProcess
from node.clock import Clock

OnDown = Callable[[Work, str, float], None]
"""Gets whose process ended, what happened, and the seconds until its next start."""


@dataclass(slots=True, kw_only=True)
class CameraCrew:
    """All camera processes of a node."""

    places: Places
    clock: Clock
    rng: Random
    callers: int
    """Inference threads of an analysis."""
    ask_to_stop: Callable[[str], None]
    on_capture_ended: Callable[[Work], None]
    """Told of every end of a capture process, before `on_capture_down` of one that nobody wished."""
    on_capture_down: OnDown
    on_analysis_down: OnDown
    on_share: Callable[[str, float], None]
    """Told a capture process's identity and how many cameras it may open in a second, whenever that changes."""
    processes: dict[str, WorkerProcess] = field(init=False, default_factory=dict)
    """By identity: `worker-N` analyses, `capture-N` reads."""
    _groups: list[Group] = field(init=False, default_factory=list)
    _readers: dict[str, str] = field(init=False, default_factory=dict)
    _bells: dict[str, Bell] = field(init=False, default_factory=dict)
    """One for each analysis; it outlives the group's processes."""
    _serving: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)
    _share: float = field(init=False, default=0.0)
    """Openings in a second that each capture process was told last."""
    _leaving: dict[str, tuple[WorkerProcess, asyncio.Task[None]]] = field(init=False, default_factory=dict)

    def plan(self, cameras: Sequence[CameraSpec]) -> None:
        """The cameras from now on; `bring_in_line` comes next."""
        self._groups = grouped(cameras, self._groups)
        self._readers = {camera.id: name for group in self._groups for name, part in group.captures.items() for camera in part}

    @property
    def is_empty(self) -> bool:
        """True when no process is needed."""
        return not self._groups

    @property
    def analyses(self) -> list[str]:
        """Identities of the processes that analyse."""
        return [group.analysis for group in self._groups]

    @property
    def cameras(self) -> tuple[str, ...]:
        """All cameras that are read."""
        return tuple(self._readers)

    def reader_of(self, camera: str) -> str | None:
        """Identity of the process that reads a camera."""
        return self._readers.get(camera)

    def analyst_of(self, camera: str) -> str | None:
        """Identity of the process that analyses a camera."""
        reader = self._readers.get(camera)
        return next((group.analysis for group in self._groups if reader in group.captures), None)

    def renew_reader(self, camera: str) -> None:
        """Have the process that reads a camera begin anew."""
        process = self.processes.get(self._readers.get(camera, ""))
        if process is not None:
            process.renew()

    def find(self, identity: str) -> WorkerProcess | None:
        """A process that may still say something: one that serves, or is about to end."""
        found = self.processes.get(identity)
        if found is None and identity in self._leaving:
            found = self._leaving[identity][0]
        return found

    def bring_in_line(self, tasks: asyncio.TaskGroup) -> None:
        """Begin what the plan needs, change what it changed, end what it needs no more. All processes end with `tasks`."""
        works = {work.identity: (work, bell) for work, bell in self._works()}
        for identity in [known for known in self.processes if known not in works]:
            task = self._serving.pop(identity)
            self._leaving[identity] = (self.processes.pop(identity), task)
            task.cancel()
        for identity, (work, bell) in works.items():
            known = self.processes.get(identity)
            if known is None:
                self._begin(tasks, work, bell)
            elif known.work != work:
                known.rework(work)
        self._share_out()
        for analysis in self._bells.keys() - set(self.analyses):
            self._bells.pop(analysis).close()

    def close(self) -> None:
        """Leave nothing behind of processes that have ended."""
        for bell in self._bells.values():
            bell.close()
        self._bells.clear()
        clear_rings(self.places.ring_dir)
        with suppress(OSError):
            self.places.ring_dir.rmdir()

    def _works(self) -> Iterator[tuple[Work, Bell]]:
        for group in self._groups:
            bell = self._bells.get(group.analysis)
            if bell is None:
                bell = self._bells[group.analysis] = Bell.make()
            for name, part in group.captures.items():
                yield capture_work(name, part, self.places, self.rng, bell=bell.handle, opens_per_s=self._opens_per_s), bell
            yield analysis_work(group, self.places, self.rng, bell=bell.handle, callers=self.callers), bell

    def _begin(self, tasks: asyncio.TaskGroup, work: Work, bell: Bell) -> None:
        config = self.places.work_dir / f"{work.identity}.json"
        on_down = self.on_analysis_down if work.rings else self.on_capture_down
        process = WorkerProcess(
            work, config, self.clock, self.rng, self.ask_to_stop, on_down, self._ended, handles=(bell.handle,)
        )  # fmt: skip
        self.processes[work.identity] = process
        before = self._leaving.get(work.identity)
        self._serving[work.identity] = tasks.create_task(self._serve(process, None if before is None else before[1]))

    async def _serve(self, process: WorkerProcess, before: asyncio.Task[None] | None) -> None:
        """Keep one process running until it is cancelled, and see it off. Two of one identity never run at a time."""
        try:
            if before is not None:
                await asyncio.wait({before})
            await process.keep_running()
        finally:
            await _surely(self._see_off(process, before))

    async def _see_off(self, process: WorkerProcess, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        self.ask_to_stop(process.work.identity)
        await process.end()
        self._ended(process.work)
        if self._is_leaving(process):
            del self._leaving[process.work.identity]

    def _is_leaving(self, process: WorkerProcess) -> bool:
        return process.work.identity in self._leaving and self._leaving[process.work.identity][0] is process

    def _ended(self, work: Work) -> None:
        """Without its process a ring holds memory for nobody; a ledger is for the next process of the same analysis."""
        if not work.rings or work.identity not in self.processes:
            clear_rings(self.places.ring_dir, work.identity)
        if not work.rings and work.identity in self.processes:
            self.on_capture_ended(work)

    def _opens_per_s(self) -> float:
        return OPENS_PER_S / max(1, sum(len(group.captures) for group in self._groups))

    def _share_out(self) -> None:
        """Processes that run on learn their part of the openings; those that start are told with their description."""
        share = self._opens_per_s()
        if share != self._share:
            self._share = share
            for identity in set(self._readers.values()):
                self.on_share(identity, share)


async def _surely(ending: Coroutine[None, None, None]) -> None:
    """See it through, however often whoever waits is cancelled: a process must not be left behind."""
    task = asyncio.ensure_future(ending)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()

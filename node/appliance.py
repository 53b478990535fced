"""The whole node as one process: puts the parts together, starts them in order, and takes them down again.

Order of start: identity, policy, journal, engine, local API, links, devices, cameras. A node that cannot commit stops everything that
accepts data, says so, and starts
again from its journal: refused, never accepted and dropped.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from node.api import Api
from node.assembly import Parts, assemble
from node.attachment.orders import Reattached
from node.audit.wiring import enter_all, enter_recalls
from node.cameras.wiring import cameras_of
from node.carriage.watching import watches
from node.clock import SystemClock
from node.config.config import NodeConfig, split_address
from node.disk_kind import refuse_network_disk
from node.engine.commits import Stopped
from node.engine.engine_room import journal_path
from node.errors import NodeError
from node.evidence.wiring import give_originals
from node.fork.change import go_on_after
from node.fork.clones import ForkMemory
from node.fork.errors import AwayTooLong, ForkFound
from node.fork.reseed import wish_reseed
from node.fork.wiring import close_readers, keep_noting, settle_absence
from node.identity.chance import new_id, new_rng
from node.identity.join_server import JoinServer
from node.ingest.plane import DevicePlane
from node.ingest.report_door import ReportDoor
from node.keeping.care import Care
from node.keeping.storage import storage_of
from node.links.admission import LinkDoor
from node.links.caps import keep_day
from node.links.offences import STRANGERS
from node.links.strangers import Strangers, addresses_of, connections_max, raise_descriptors, shrink_tls_buffers
from node.policy.presets import Presets
from node.run_lock import run_lock
from node.services import Services
from node.store.failures import ForeignJournal
from node.summaries.wiring import totals_of
from node.wiring import services_of
from sync.model import JournalCorrupt, JournalError, LinkError, SyncError
from sync.transport.link_dialer import dial
from sync.transport.link_server import LinkServer
from sync.transport.local_api import LocalServer, serve_local
from sync.transport.session import Session

log = logging.getLogger("yunnao")

CYCLES_EVERY = 50_000
"""Objects more than before, after which cycles are looked for: a commit's thousands of readings live on for a moment and are none."""
SWITCH_INTERVAL_S = 0.001
"""How long a thread that computes keeps the interpreter while the event loop waits for it."""
RESTART_WAIT_S = 5.0
"""Wait before a node that could not commit tries again."""


def run_node(config: NodeConfig) -> int:
    """Run a node until SIGTERM or SIGINT; the exit code. Raises AlreadyRunning when another process runs it, NetworkDisk."""
    refuse_network_disk(config.data_dir)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=f"%(asctime)s {config.node.id} %(levelname)s %(name)s: %(message)s")
    # The loop gives the interpreter up with every socket it reads or writes: a thread that computes must hand it back soon.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(CYCLES_EVERY)
    with run_lock(config.folder):
        return asyncio.run(_run_until_stopped(config))


async def _run_until_stopped(config: NodeConfig) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    has_failed = False
    memory = ForkMemory()
    fork: ForkFound | None = None
    damaged: list[int] = []
    while not stopping.is_set():
        try:
            if fork is not None:
                go_on_after(fork, config.folder, journal_path(config), node=config.node.id)
                fork = None
            await Appliance(config, memory, damaged).run(stopping)
        except ForeignJournal:
            raise
        except JournalCorrupt as error:
            # One damaged batch ends a life of the process at most once: it is set aside before the next one reads anything.
            if error.lsn is None or error.lsn in damaged:
                raise
            damaged.append(error.lsn)
        except ForkFound as found:
            fork = found
        except AwayTooLong as away:
            log.warning("%s", away)
            wish_reseed(config.folder, journal_path(config), now_us=SystemClock().wall_us())
        except Reattached as order:
            log.info("starting again below the new parent: %s", order)
        except (NodeError, SyncError, OSError) as error:
            # What keeps the journal from being written, such as a full disk, may next keep another file from being opened.
            if not (has_failed or isinstance(error, JournalError)):
                raise
            has_failed = True
            log.error("nothing can be stored: %s; the door is closed, trying again in %g s", error, RESTART_WAIT_S)
            await _wait(stopping, RESTART_WAIT_S)
    return 0


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


class Appliance:
    """One life of a node's process."""

    def __init__(self, config: NodeConfig, memory: ForkMemory | None = None, damaged: Sequence[int] = ()) -> None:
        self._config = config
        self._memory = memory
        self._damaged = damaged
        self._api: LocalServer | None = None
        self._closers: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._strangers: Strangers

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping`.

        Raises JournalError when the journal cannot be written, NodeError or SyncError when the node cannot start.
        """
        parts = assemble(self._config, software=version("yunnao"), memory=self._memory)
        tasks: list[asyncio.Task[object]] = []
        try:
            tasks.append(asyncio.create_task(parts.runtime.run(), name="runtime"))
            await self._start_beside_runtime(parts, tasks)
            log.info("node up: level %s, territory %s", self._config.level.word, self._config.territory.code)
            tasks.append(asyncio.create_task(stopping.wait(), name="stop"))
            await self._watch(tasks)
        finally:
            await self._take_down(parts, tasks)

    async def _start_beside_runtime(self, parts: Parts, tasks: list[asyncio.Task[object]]) -> None:
        """Start; what ends the runtime meanwhile is why the start fails, not the work that it gave up on its way down."""
        runtime, starting = tasks[0], asyncio.create_task(self._start(parts, tasks))
        try:
            await asyncio.wait({starting, runtime}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and (starting.cancelled() or isinstance(starting.exception(), Stopped)):
                await asyncio.wait({runtime})
            if runtime.done():
                runtime.result()
            starting.result()
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)

    async def _watch(self, tasks: list[asyncio.Task[object]]) -> None:
        """Until one of them ends; raises why. A task that a runtime on its way down gave up is no end: the runtime's own follows."""
        going = set(tasks)
        has_ended = False
        while not has_ended:
            done, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.cancelled() or isinstance(task.exception(), Stopped):
                    continue
                if (failure := task.exception()) is not None:
                    raise failure
                has_ended = True

    async def _take_down(self, parts: Parts, tasks: list[asyncio.Task[object]]) -> None:
        try:
            # The API first: whoever asks while the parts go one after another would be answered out of what is closed.
            if self._api is not None:
                await self._api.stop()
            for close in reversed(self._closers):
                await close()
        finally:
            parts.runtime.stop()
            runtime, *others = tasks
            for task in others:
                task.cancel()
            await asyncio.gather(runtime, *others, return_exceptions=True)
            parts.close()

    async def _start(self, parts: Parts, tasks: list[asyncio.Task[object]]) -> None:
        config = self._config
        self._closers.append(parts.audit.stop)
        care = Care.of(parts)
        await care.start(self._damaged)
        plane = DevicePlane(config, inbox=parts.inbox, schemas=parts.schemas, clock=parts.clock, rng=new_rng())
        parts.on_policy(plane.learn)
        plane.intake.needed = parts.policy.needed
        room = cameras_of(parts, plane)
        self._closers.append(room.evidence.stop)
        parts.keeper.renew_leaf()
        storage = storage_of(parts)
        services = services_of(parts, plane, room, care, storage)
        enter_all(parts.audit, services.negative_list.cases, services.requests.giving, parts.queries)
        enter_recalls(parts.audit, services.recalls)
        give_originals(room.evidence, services.requests)
        self._closers += [services.catalogue_desk.stop, services.negative_list.cases.stop, services.requests.stop]
        self._closers += [services.governing.stop, services.algorithms.usage.stop]
        self._closers += [services.devices.commands.stop, services.camera_directory.stop, services.views.stop, services.incidents.stop]
        self._closers += [services.quality.stop, services.sql.stop, services.returns.stop, services.sensors.stop, services.sealed.stop]
        await Presets(services.negative_list.issuer, parts.audit, config.data_dir).bring()
        close_readers(parts)
        await self._start_api(parts, services)
        await settle_absence(parts, services.recalls.eraser)
        shrink_tls_buffers()
        strangers = self._strangers = Strangers(partial(_close_strangers, parts), raise_descriptors())
        await self._start_links(parts, tasks)
        self._closers.append(plane.stop)
        await plane.start(parts.journal)
        for _, port in plane.addresses:
            strangers.watch(port, plane.door.clients, lambda: {client.address for client in plane.door.clients})
        for door, addresses in plane.report_addresses:
            for _, port in addresses:
                strangers.watch(port, door.clients, partial(_addresses, door))
        background: list[Coroutine[Any, Any, object]] = [services.board.keep_fresh(), plane.run(), parts.keeper.run()]
        background.append(parts.attendance.run(parts.detach_silent))
        background += [storage.run(), strangers.run(), keep_noting(parts)]
        background.append(keep_day(parts.runtime.engine.caps, config.links, parts.clock))
        background += [watch.run() for watch in watches(config, parts, services.carrier)]
        background += care.background()
        background += [services.catalogue_desk.run(), services.negative_list.run(), services.negative_list.cases.run()]
        background += services.governing.background()
        background.append(services.requests.desk.run())
        background += [services.quality.run(), services.recalls.run(), services.returns.run()]
        background += [services.sensors.run(), services.sealed.run()]
        background += services.audit.background()
        background.append(services.devices.commands.run())
        background += services.algorithms.background()
        background += services.views.background()
        background += [*room.background(), services.camera_directory.run(), services.incidents.run(), services.incident_steps.run()]
        background += [services.platform.run()] if services.platform is not None else []
        if parts.parent is not None:
            background.append(totals_of(parts).keep_releasing())
        tasks.extend(asyncio.create_task(job) for job in background)

    # ---- listeners

    async def _start_api(self, parts: Parts, services: Services) -> None:
        self._api = await serve_local(self._config.folder / "api.sock", Api(services).call)

    async def _start_links(self, parts: Parts, tasks: list[asyncio.Task[object]]) -> None:
        config = self._config
        if config.links.listen:
            await self._listen(parts)
        if parts.parent is not None and parts.uplink_address:
            tasks.append(asyncio.create_task(parts.links.keep_parent(lambda: self._dial(parts), new_rng()), name="uplink"))

    async def _listen(self, parts: Parts) -> None:
        config = self._config

        async def accept(session: Session) -> None:
            try:
                await parts.links.accept(session)
            except LinkError as error:
                offender = session.peer.node if session.peer else STRANGERS
                parts.links.offences.link(offender, f"link from a child ended: {error}")
                raise

        door = LinkDoor(config.links, parts.clock)
        server = LinkServer(
            parts.authorise_link,
            on_refused=lambda why: parts.links.offences.link(STRANGERS, why),
            ask=door.ask,
            connections_max=connections_max(self._strangers.descriptors),
        )
        await server.start(config.links.listen, parts.tls, accept)
        self._strangers.watch(server.port, server.peers, lambda: addresses_of(server.peers))
        self._closers.append(server.stop)
        host, _ = split_address(config.links.listen)
        announce = config.links.announce or f"{host}:{server.port}"
        log.info("links on %s", announce)
        if config.links.join_listen:
            await self._listen_for_joins(parts, announce)

    async def _listen_for_joins(self, parts: Parts, announce: str) -> None:
        own = parts.files.own(now_us=None)
        stands_here = parts.attachments.stands_here
        joins = JoinServer(
            parts.files, parts.admissions, own_path=own.path, link_address=announce, clock=parts.clock, stands_here=stands_here
        )
        port = await joins.start(*split_address(self._config.links.join_listen))
        self._closers.append(joins.stop)
        log.info("joins on port %d", port)

    async def _dial(self, parts: Parts) -> Session:
        parent = parts.parent
        assert parent is not None, "only a node with a parent dials"
        return await dial(
            parts.uplink_address,
            parts.tls(),
            server_name=parent.tls_name,
            session_id=new_id(),
            node=parts.me.node,
            authorise=parts.authorise_parent,
        )


def _close_strangers(parts: Parts, count: int, why: str) -> None:
    parts.links.offences.link(STRANGERS, why, count=count)


def _addresses(door: ReportDoor) -> set[tuple[str, int]]:
    return {client.address for client in door.clients}

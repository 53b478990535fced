"""A node's cameras with evidence, incidents and directory, put together from its parts. Called by node/appliance.py, node/wiring.py."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edge_ai.looks.capacity import Admission
from edge_ai.spec import CameraSpec
from node.algorithms.usage_book import UsageBook
from node.algorithms.wiring import count_event, usage_book_of
from node.assembly import Parts
from node.cameras.conditions import ConditionFeed
from node.cameras.directory import DirectoryFile
from node.cameras.directory_desk import DirectoryDesk
from node.cameras.errors import DirectoryDamaged
from node.cameras.host import CameraHost
from node.cameras.rows import EVENTS, CameraRows
from node.cameras.supervisor import CameraSupervisor
from node.cameras.viewing.pictures import LivePictures
from node.cameras.viewing.video import LiveVideo
from node.evidence.desk import EvidenceDesk
from node.evidence.remasking import Remasking
from node.evidence.wiring import evidence_of
from node.identity.chance import new_rng
from node.incidents.following import Following
from node.incidents.wiring import following_of
from node.ingest.plane import DevicePlane
from node.store.records import ROWS_MAX, newest_rows
from node.store.side_file import open_or_begin_anew

FILE_NAME = "directory.db"
LOSS = "the cameras entered here must be entered again; what levels above know of them stays"
SOCKET = "ai.sock"
WORK_FOLDER = "cameras"


@dataclass(frozen=True, slots=True)
class CameraRoom:
    """The cameras, what their events leave behind, and the incidents that come of them."""

    host: CameraHost
    evidence: EvidenceDesk
    remasking: Remasking
    incidents: Following
    conditions: ConditionFeed
    pictures: LivePictures
    video: LiveVideo
    usage: UsageBook
    """What the models of the cameras did and was not told yet."""

    def background(self) -> list[Coroutine[Any, Any, object]]:
        """What runs as long as the node."""
        return [self.host.run(), self.evidence.run(), self.remasking.run(), self.conditions.run()]


def cameras_of(parts: Parts, plane: DevicePlane) -> CameraRoom:
    """The room; raises SpecError, CameraRefused for a list that cannot run, EvidenceFault, OSError."""
    rule_kinds: dict[tuple[str, str], str] = {}
    rows = CameraRows(parts.inbox, rule_kinds, territory=parts.config.territory.code)
    rows.recall(reversed(newest_rows(parts.journal, EVENTS, limit=ROWS_MAX)))
    incidents, usage = following_of(parts), usage_book_of(parts)
    rows.on_begun = partial(count_event, usage)
    evidence = evidence_of(parts, rows, rule_kinds, incidents)
    host = CameraHost(parts.config, partial(_supervised, parts, evidence, usage), rule_kinds)
    conditions = ConditionFeed(lambda: host.specs, plane.newest_number, host.tell, parts.clock)
    pictures, video = LivePictures(host.cameras, host.look), LiveVideo(host.cameras, host.watch)
    host.hear_views(pictures.came)
    host.hear_video(video.came)
    host.hear_clips(evidence.take_clip)
    evidence.order_clip, evidence.wants_mosaic = host.order_clip, host.wants_mosaic
    return CameraRoom(host, evidence, Remasking(evidence, rows.resend, parts.clock), incidents, conditions, pictures, video, usage)


def _supervised(
    parts: Parts, evidence: EvidenceDesk, usage: UsageBook, specs: Sequence[CameraSpec], admission: Admission | None
) -> CameraSupervisor:
    config = parts.config
    supervisor = CameraSupervisor(
        specs,
        config.folder / SOCKET,
        evidence.take,
        clock=parts.clock,
        rng=new_rng(),
        work_dir=config.data_dir / WORK_FOLDER,
        evidence_dir=evidence.store.folder,
        evidence_floor_bytes=evidence.keeping.rules.floor_bytes,
        ring_dir=Path(config.file.edge.ring_dir) if config.file.edge.ring_dir else None,
        callers=config.file.edge.callers,
        admission=admission,
    )
    supervisor.on_usage = usage.take
    return supervisor


def directory_of(parts: Parts, cameras: CameraHost) -> DirectoryDesk:
    """The desk; raises CameraError when its file cannot be opened now."""
    make = partial(DirectoryFile, incarnation=parts.me.incarnation)
    return DirectoryDesk(
        file=open_or_begin_anew(parts.config.data_dir / FILE_NAME, make, damaged=DirectoryDamaged, loss=LOSS),
        inbox=parts.inbox,
        journal=parts.journal,
        marts=parts.marts,
        clock=parts.clock,
        territory=parts.me.territory,
        own=cameras.codes,
        seen=cameras.cameras,
        has_children=lambda: bool(parts.directory.children()),
    )

"""What a running node offers to its API: the parts, and the few answers that need several of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.algorithms.desk import AlgorithmDesk
from node.attachment.desk import AttachmentDesk
from node.audit.api import Audit
from node.cameras.directory_desk import DirectoryDesk
from node.cameras.host import CameraHost
from node.cameras.viewing.wiring import Views
from node.carriage.carrier import Carrier
from node.catalogue.desk import CatalogueDesk
from node.catalogue.review import Review
from node.clock import Clock
from node.devices.wiring import DeviceDesks
from node.evidence.desk import EvidenceDesk
from node.gb28181.client import PlatformClient
from node.identity.admissions import Admissions
from node.incidents.desk import IncidentDesk
from node.incidents.step_desk import StepDesk
from node.ingest.handing_in import HandingIn
from node.keeping.care import Care
from node.keeping.storage import Storage
from node.links.links import Links
from node.negative_list.desk import ListDesk
from node.policy.governing import Governing
from node.policy.store import PolicyStore
from node.quality.desk import QualityDesk
from node.recall.desk import RecallDesk
from node.requests.wiring import Requests
from node.returns.desk import ReturnsDesk
from node.sealed.desk import SealedDesk
from node.sensor_alarms.desk import SensorDesk
from node.sql.desk import SqlDesk
from node.status import StatusBoard
from node.store.journal import SqliteJournal
from node.summaries.pull import SummaryDesk
from node.territories.desk import TerritoryDesk
from node.tracing.desk import Tracing
from node.tree.directory import Directory
from policies.catalogue import Resource
from policies.explain import target_level
from policies.words import Way
from sync.model import Level, Territory

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """This node as a parent: whom it may admit."""

    level: Level
    territory: Territory
    ca_sha256: Callable[[], str]
    """SHA-256 of this node's CA certificate as it is now: what a new token pins."""
    admissions: Admissions


@dataclass(slots=True)
class Services:
    """The parts of a running node that its API speaks to."""

    journal: SqliteJournal
    board: StatusBoard
    directory: Directory
    links: Links
    policy: PolicyStore
    summaries: SummaryDesk
    handing_in: HandingIn
    identity: OwnIdentity
    clock: Clock
    devices: DeviceDesks
    cameras: CameraHost
    camera_directory: DirectoryDesk
    views: Views
    """Who looks at cameras now, here and from above."""
    platform: PlatformClient | None
    """The GB/T 28181 platform above; None where none is configured."""
    door_facts: Callable[[], Plain]
    carrier: Carrier
    storage: Storage
    attachments: AttachmentDesk
    care: Care
    tracing: Tracing
    catalogue_desk: CatalogueDesk
    review: Review
    negative_list: ListDesk
    """With the cases under it."""
    requests: Requests
    quality: QualityDesk
    sql: SqlDesk
    governing: Governing
    audit: Audit
    recalls: RecallDesk
    returns: ReturnsDesk
    sealed: SealedDesk
    territories: TerritoryDesk
    sensors: SensorDesk
    evidence: EvidenceDesk
    incidents: IncidentDesk
    incident_steps: StepDesk
    algorithms: AlgorithmDesk

    def catalogue(self) -> list[Plain]:
        """The resources in the catalogue with what becomes of each on its way."""
        return [self._resource(resource) for _, resource in sorted(self.policy.ruleset.resources.items())]

    def _resource(self, resource: Resource) -> Plain:
        book = self.policy.gate.book
        outcomes = {}
        for name, way, hops in (("parent", Way.UP, 1), ("above", Way.UP, 2), ("return", Way.RETURN, 1)):
            plan = book.plan(resource.code, hops=hops, way=way, level=target_level(resource, hops=hops))
            outcomes[name] = plan.base.verdict.word
        if not resource.returns:
            outcomes["return"] = "none"
        return {
            "code": resource.code,
            "title": {"zh": resource.title_zh, "en": resource.title_en},
            "grade": f"L{resource.grade}" if resource.grade else "",
            "share": resource.share.value,
            "mode": resource.mode.value,
            "lane": resource.lane.word,
            "source_level": resource.source_level.word if resource.source_level else "any",
            "period_s": resource.period_s,
            "fields": [{"name": item.name, "type": item.type} for item in resource.fields],
            "outcomes": outcomes,
        }

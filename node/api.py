"""The verbs of the local API: what the console, the command line and the demo may ask of a running node (docs/api.md).

Arguments are checked against one struct per verb; answers are plain JSON. Drawing and wording are the callers'.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.algorithms.api import AlgorithmVerbs
from node.algorithms.grading import with_grades
from node.attachment.api import AttachVerbs
from node.audit.api import AuditVerbs
from node.audit.operator import noted
from node.cameras.api import CameraVerbs
from node.cameras.viewing.api import ViewVerbs
from node.carriage.api_verbs import BundleVerbs
from node.catalogue.api import CatalogueVerbs
from node.devices.api import DeviceVerbs
from node.emergency.api import EmergencyVerbs
from node.equality.audit import Asked
from node.errors import NodeError
from node.evidence.api import EvidenceVerbs
from node.incidents.api import IncidentVerbs
from node.ingest.errors import IngestError
from node.ingest.handing_in import NoRoom
from node.ingest.put import PUT_ROWS_MAX, PutPlace, rows_of
from node.keeping.quarantine import QuarantineVerbs
from node.misfit import misfit
from node.negative_list.api import ListVerbs
from node.policy.explaining import Explainer, RecordName, record_name, target_of
from node.policy.showing import OPEN_CLEARANCE, Clearance, Looking, Person, Reason, Showing
from node.quality.api import QualityVerbs
from node.recall.api import RecallVerbs
from node.regrading.api import RegradeVerbs
from node.requests.api import RequestVerbs
from node.returns.api import ReturnVerbs
from node.reviews.api import ReviewVerbs
from node.sealed.api import SealedVerbs
from node.sensor_alarms.api import SensorAlarmVerbs
from node.services import Services
from node.sql.api import SqlVerbs
from node.store.records import ROWS_MAX
from node.summaries.spec import SummarySpec
from node.territories.api import TerritoryVerbs
from node.tracing.api import TraceVerbs
from node.untrusted import UNREADABLE
from node.verify.api import VerifyVerbs
from policies.catalogue import FIELDS_MAX
from policies.errors import PolicyError
from policies.explain import explain, specimen_forms
from policies.words import Way
from sync.model import MICROSECONDS, Direction, Level, SyncError, Territory
from sync.transport.local_api import LocalApiCode, LocalApiError

Plain = dict[str, Any]
EVIDENCE_NAMES = frozenset({"sha256", "event_id", "camera", "thumb_width", "thumb_height", "thumb_rgb", "jpeg", "masked"})
Limit = Annotated[int, Meta(ge=1, le=ROWS_MAX)]

log = logging.getLogger("yunnao.api")


class NoArguments(msgspec.Struct, forbid_unknown_fields=True):
    """A verb without arguments."""


class Page(msgspec.Struct, forbid_unknown_fields=True):
    """A bounded list, newest first."""

    limit: Limit = 100
    before_lsn: int | None = None


class Events(Looking, forbid_unknown_fields=True, kw_only=True):
    """A bounded list of what a person may see, newest first."""

    limit: Limit = 100
    before_lsn: int | None = None


class Readings(Looking, forbid_unknown_fields=True, kw_only=True):
    """Rows of one resource."""

    resource: str
    limit: Limit = 100


class Summing(SummarySpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A summary for a person."""

    clearance: Clearance = OPEN_CLEARANCE
    by: Person = ""
    why: Reason = ""

    @property
    def spec(self) -> SummarySpec:
        """What is asked of the tree."""
        return SummarySpec(**{name: getattr(self, name) for name in SummarySpec.__struct_fields__})


class Put(msgspec.Struct, forbid_unknown_fields=True):
    """Rows of one resource, cells in the order of `columns`."""

    resource: str
    columns: Annotated[list[str], Meta(min_length=1, max_length=FIELDS_MAX)]
    rows: Annotated[list[list[str | int | float | bool | None]], Meta(min_length=1, max_length=PUT_ROWS_MAX)]


class Evidence(Looking, forbid_unknown_fields=True, kw_only=True):
    """A picture by its hash."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Explain(msgspec.Struct, forbid_unknown_fields=True):
    """Why records flow or not."""

    resource: str
    """A code, or a record as `ORIGIN/RESOURCE#NUMBER`."""
    direction: Literal["up", "return"] = "up"
    distance: Annotated[int, Meta(ge=1, le=4)] = 1
    to: str = ""
    """A node of the tree, instead of direction and distance; for a record by default the parent."""
    predicate_row: dict[str, str | int | float | bool | None] | None = None


class Specimen(msgspec.Struct, forbid_unknown_fields=True):
    """The fictitious specimen of a resource."""

    resource: str


class AuditFlow(msgspec.Struct, forbid_unknown_fields=True):
    """The books, whole or of one resource or origin."""

    resource: str | None = None
    origin: str | None = None
    first: Annotated[int, Meta(ge=1)] | None = None
    last: Annotated[int, Meta(ge=1)] | None = None
    since_us: Annotated[int, Meta(ge=0)] | None = None
    until_us: Annotated[int, Meta(ge=0)] | None = None
    ask_peers: bool = False


class AuditEqual(msgspec.Struct, forbid_unknown_fields=True):
    """The proof of equality: run one now, toward all peers or one, or tell of the newest."""

    peer: str | None = None
    now: bool = False


class TokenCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A join token."""

    level: str
    territory: str
    ttl_s: float = 86_400.0
    auto_accept: bool = False


class Admit(msgspec.Struct, forbid_unknown_fields=True):
    """The decision on a node that asked to join."""

    node: str
    accept: bool


Verb = Callable[[Any], Awaitable[Plain]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One verb: the shape of its arguments and what answers it."""

    arguments: type[msgspec.Struct]
    answer: Verb


class Api:
    """Answers calls. All blocking work runs off the event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        catalogue = CatalogueVerbs(lambda: self._services.catalogue_desk, lambda: self._services.review)
        entries = ListVerbs(lambda: self._services.negative_list, lambda: self._services.directory)
        quality = QualityVerbs(lambda: self._services.quality, lambda: self._services.catalogue_desk)
        emergencies = EmergencyVerbs(lambda: self._services.governing.emergencies, lambda: self._services.requests.parties)
        reviews = ReviewVerbs(
            lambda: self._services.governing.reviews,
            lambda: self._services.governing.regrading.issuer,
            lambda: self._services.governing.settle(),
        )
        regrades = RegradeVerbs(lambda: self._services.governing.regrading, lambda: self._services.directory)
        devices = DeviceVerbs(lambda: self._services.devices.registry, lambda: self._services.devices.commands, lambda: self._showing)
        algorithms = AlgorithmVerbs(lambda: self._services.algorithms, lambda: self._showing)
        alarms = SensorAlarmVerbs(lambda: self._services.sensors, lambda: self._showing)
        cameras = CameraVerbs(lambda: self._services.cameras, lambda: self._services.camera_directory, lambda: self._showing)
        evidence = EvidenceVerbs(lambda: self._services.evidence, lambda: self._services.requests.taking)
        self.verbs: Mapping[str, Entry] = {
            **{name: Entry(*entry) for name, entry in self._incident_verbs().table.items()},
            **{name: Entry(*entry) for name, entry in evidence.table.items()},
            **{name: Entry(*entry) for name, entry in AttachVerbs(lambda: self._services.attachments).table.items()},
            **{name: Entry(*entry) for name, entry in BundleVerbs(lambda: self._services.carrier).table.items()},
            **{name: Entry(*entry) for name, entry in TraceVerbs(lambda: self._services.tracing).table.items()},
            **{name: Entry(*entry) for name, entry in QuarantineVerbs(lambda: self._services.care.quarantine).table.items()},
            **{name: Entry(*entry) for name, entry in catalogue.table.items()},
            **{name: Entry(*entry) for name, entry in entries.table.items()},
            **{name: Entry(*entry) for name, entry in RequestVerbs(lambda: self._services.requests).table.items()},
            **{name: Entry(*entry) for name, entry in regrades.table.items()},
            **{name: Entry(*entry) for name, entry in reviews.table.items()},
            **{name: Entry(*entry) for name, entry in emergencies.table.items()},
            **{name: Entry(*entry) for name, entry in VerifyVerbs(lambda: self._services.governing.verification).table.items()},
            **{name: Entry(*entry) for name, entry in quality.table.items()},
            **{name: Entry(*entry) for name, entry in SqlVerbs(lambda: self._services.sql).table.items()},
            **{name: Entry(*entry) for name, entry in RecallVerbs(lambda: self._services.recalls).table.items()},
            **{name: Entry(*entry) for name, entry in ReturnVerbs(lambda: self._services.returns).table.items()},
            **{name: Entry(*entry) for name, entry in SealedVerbs(lambda: self._services.sealed).table.items()},
            **{name: Entry(*entry) for name, entry in TerritoryVerbs(lambda: self._services.territories).table.items()},
            **{name: Entry(*entry) for name, entry in alarms.table.items()},
            **{name: Entry(*entry) for name, entry in devices.table.items()},
            **{name: Entry(*entry) for name, entry in cameras.table.items()},
            **{name: Entry(*entry) for name, entry in ViewVerbs(lambda: self._services.views.desk, lambda: self._showing).table.items()},
            **{name: Entry(*entry) for name, entry in algorithms.table.items()},
            **{name: Entry(*entry) for name, entry in AuditVerbs(lambda: self._services.audit).table.items()},
            "status": Entry(NoArguments, self._status),
            "tree": Entry(NoArguments, self._tree),
            "events": Entry(Events, self._events),
            "evidence": Entry(Evidence, self._evidence),
            "readings": Entry(Readings, self._readings),
            "put": Entry(Put, self._put),
            "resources": Entry(NoArguments, self._resources),
            "explain": Entry(Explain, self._explain),
            "specimen": Entry(Specimen, self._specimen),
            "summary": Entry(Summing, self._summary),
            "audit_flow": Entry(AuditFlow, self._audit_flow),
            "audit_equal": Entry(AuditEqual, self._audit_equal),
            "token_create": Entry(TokenCreate, self._token_create),
            "admissions": Entry(NoArguments, self._admissions),
            "admit": Entry(Admit, self._admit),
        }

    def _incident_verbs(self) -> IncidentVerbs:
        services = self._services
        return IncidentVerbs(
            lambda: services.incidents, lambda: services.incident_steps, lambda: services.evidence, lambda: services.cameras.specs,
            lambda: self._showing, lambda: services.clock,
        )  # fmt: skip

    async def call(self, verb: str, body: bytes) -> bytes:
        """Answer one call; raises LocalApiError with the reason for everything that cannot be answered."""
        entry = self.verbs.get(verb)
        if entry is None:
            raise LocalApiError(LocalApiCode.UNKNOWN_VERB, f"verb {verb!r} is not known: known are {', '.join(sorted(self.verbs))}")
        try:
            arguments = msgspec.json.decode(body or b"{}", type=entry.arguments)
        except UNREADABLE as error:
            log.info("arguments of %s refused: %s", verb, error)
            raise LocalApiError(LocalApiCode.INVALID, f"arguments of {verb} refused: {misfit(error, entry.arguments)}") from None
        try:
            return msgspec.json.encode(await noted(self._services.audit.desk, verb, entry.answer, arguments))
        except LocalApiError:
            raise
        except NoRoom as error:
            raise LocalApiError(LocalApiCode.NOT_READY, str(error)) from error
        except (SyncError, PolicyError, NodeError) as error:
            raise LocalApiError(LocalApiCode.DENIED, str(error)) from error

    # ---- the node and the tree

    async def _status(self, _: NoArguments) -> Plain:
        services = self._services
        incidents = await asyncio.to_thread(services.incidents.facts)
        cameras = await asyncio.to_thread(services.incidents.with_verdicts, services.cameras.cameras())
        cameras = await asyncio.to_thread(with_grades, cameras, services.algorithms.shelf.library)
        own = services.board.status()
        children = services.links.children()
        backlog_bytes = sum(queue.bytes for queue in own.queues.values())
        up = {"peer": own.parent, "role": "parent", "state": own.link.state, "trouble": services.links.trouble}
        down = {"role": "child", "state": "up", "trouble": ""}
        return {
            "node": own,
            "links": [up | services.links.pace_of(own.parent, backlog_bytes=backlog_bytes)] * bool(own.parent)
            + [{"peer": child} | down | services.links.pace_of(child, backlog_bytes=None) for child in children],
            "resources": [{"resource": code, "records": count} for code, count in sorted(own.records.items())],
            "clones": services.links.clones(),
            "offences": services.links.offences.facts(),
            "newer": services.links.newer.facts(),
            "storage": services.storage.report(),
            "door": services.door_facts(),
            "cameras": cameras,
            "incidents": incidents,
            "camera_directory": services.camera_directory.facts(),
            "models": services.algorithms.news.facts(),
            "platform": services.platform.status() if services.platform is not None else {},
            "carriages": services.carrier.status(),
            "proofs": services.care.proofs(),
            "damage": services.care.damage(),
            "catalogue": services.catalogue_desk.facts(),
            "audit": services.audit.facts(),
            "software": own.software,
        }

    async def _tree(self, _: NoArguments) -> Plain:
        services = self._services
        own, now_us = services.board.status(), services.clock.wall_us()
        return {"self": own.id, "as_of_us": now_us, "nodes": services.directory.tree(own, now_us)}

    # ---- records

    @property
    def _showing(self) -> Showing:
        return Showing(self._services.journal, self._services.policy, self._services.audit.desk)

    async def _events(self, asked: Events) -> Plain:
        rows = await self._showing.rows("camera-events", asked, limit=asked.limit, before_lsn=asked.before_lsn)
        incidents, names = self._services.incidents, [str(row.get("event_id")) for row in rows]
        await asyncio.to_thread(incidents.following.follow)
        # Of an event of a node below that opened no incident nothing is known here but the steps that were sent there.
        said = await asyncio.to_thread(self._services.incident_steps.verdicts, names)
        said |= await asyncio.to_thread(incidents.events.verdicts, names)
        return {"events": [self._event(_plain(row)) | {"verdict": said.get(str(row.get("event_id")), "")} for row in rows]}

    def _event(self, row: Plain) -> Plain:
        event = {name: value for name, value in row.items() if name not in ("event_time", "_origin", "_lsn", "grade")}
        age_s = max(0, self._services.clock.wall_us() - row["event_time"]) / MICROSECONDS
        return event | {"lsn": row["_lsn"], "node": row["_origin"], "time_us": row["event_time"], "age_s": age_s}

    async def _evidence(self, asked: Evidence) -> Plain:
        row = await self._showing.row("camera-evidence", "sha256", asked.sha256, asked)
        if row is None:
            raise LocalApiError(
                LocalApiCode.NOT_FOUND, f"evidence {asked.sha256[:12]} is not here (yet): pictures travel after their events"
            )
        # A picture that its node masked anew is a newer row of the same event.
        newest = await self._showing.row("camera-evidence", "event_id", str(row["event_id"]), asked) or row
        return {name: value for name, value in _plain(newest).items() if name in EVIDENCE_NAMES}

    async def _readings(self, asked: Readings) -> Plain:
        rows = [_plain(row) for row in await self._showing.rows(asked.resource, asked, limit=asked.limit)]
        columns = [name for name in (rows[0] if rows else {}) if not name.startswith("_")]
        found = {"columns": columns, "rows": [[row[name] for name in columns] for row in rows]}
        return found | self._withdrawn(asked.resource)

    def _withdrawn(self, resource: str, *, is_summary: bool = False) -> Plain:
        """Of totals and summaries: which orders took records out from under them since they were first told."""
        orders = self._services.recalls.withdrawn(resource, is_summary=is_summary)
        return {"withdrawn": orders} if orders else {}

    async def _put(self, asked: Put) -> Plain:
        services, own = self._services, self._services.identity
        resource = services.policy.ruleset.resources.get(asked.resource)
        if resource is None:
            self._check_slice(asked.resource)
            known = ", ".join(sorted(services.policy.ruleset.resources)) or "none until the policy arrives"
            why = f"resource {asked.resource!r} is not in the catalogue in force here: known are {known}"
            raise LocalApiError(LocalApiCode.NOT_FOUND, why)
        here = PutPlace(own.level, own.territory.code, services.clock.wall_us())
        try:
            rows = rows_of(resource, asked.columns, asked.rows, here)
        except IngestError as error:
            raise LocalApiError(LocalApiCode.INVALID, str(error)) from None
        await services.quality.check_put(resource, rows)
        await services.handing_in.store(resource, rows)
        return {"resource": resource.code, "stored": len(rows)}

    # ---- policy

    def _check_slice(self, resource: str) -> None:
        """Where this node holds slices: nothing can be said of a resource outside them, which is asked for."""
        if self._services.policy.needed(resource):
            why = f"the rules of {resource!r} are not in the slice that this node holds: the parent was asked, try again in a moment"
            raise LocalApiError(LocalApiCode.NOT_READY, why)

    async def _resources(self, _: NoArguments) -> Plain:
        return {"resources": self._services.catalogue()}

    async def _explain(self, asked: Explain) -> Plain:
        gate, record = self._services.policy.gate, record_name(asked.resource)
        if record is None:
            self._check_slice(asked.resource)
        if record is not None or asked.to:
            return await asyncio.to_thread(self._explained, asked, record)
        way = Way.of(Direction.UP if asked.direction == "up" else Direction.RETURN)
        return explain(gate.book, asked.resource, way, hops=asked.distance, row=asked.predicate_row).encoded()

    def _explained(self, asked: Explain, record: RecordName | None) -> Plain:
        services, own = self._services, self._services.board.status()
        explainer = Explainer(own.id, services.journal, lambda: services.policy.gate)
        target = target_of(services.directory.tree(own, services.clock.wall_us()), own.id, asked.to or own.parent)
        return explainer.resource(asked.resource, target) if record is None else explainer.record(record, target)

    async def _specimen(self, asked: Specimen) -> Plain:
        return specimen_forms(self._services.policy.gate, asked.resource)

    # ---- summaries and books

    async def _summary(self, asked: Summing) -> Plain:
        started, spec = self._services.clock.now(), asked.spec.checked()
        grade_max = await self._showing.grade_max(spec.resource, Looking(clearance=asked.clearance, by=asked.by, why=asked.why))
        answer = await self._services.summaries.pull(spec, grade_max=grade_max)
        took_ms = round(self._services.clock.now().seconds_since(started) * 1_000, 1)
        return answer | self._withdrawn(spec.resource, is_summary=True) | {"took_ms": took_ms}

    async def _audit_flow(self, asked: AuditFlow) -> Plain:
        wanted = Asked(asked.resource, asked.origin, asked.first, asked.last, asked.since_us, asked.until_us)
        return await self._services.care.audit_flow(wanted, ask_peers=asked.ask_peers)

    async def _audit_equal(self, asked: AuditEqual) -> Plain:
        care = self._services.care
        if not asked.now:
            return {"hops": [proof for proof in care.proofs() if asked.peer in (None, proof["peer"])]}
        return await care.auditor.equal(asked.peer)

    # ---- joining

    async def _token_create(self, asked: TokenCreate) -> Plain:
        own = self._services.identity
        ca_sha256 = own.ca_sha256()
        token, expires_us = own.admissions.create_token(
            ca_sha256=ca_sha256,
            level=Level.from_word(asked.level),
            territory=Territory(asked.territory, own.territory.system, own.territory.edition),
            ttl_s=asked.ttl_s,
            auto_accept=asked.auto_accept,
            now_us=self._services.clock.wall_us(),
        )
        return {"token": str(token), "expires_us": expires_us, "ca_sha256": ca_sha256}

    async def _admissions(self, _: NoArguments) -> Plain:
        pending = self._services.identity.admissions.pending()
        return {"pending": [_admission(entry) for entry in pending]}

    async def _admit(self, asked: Admit) -> Plain:
        admissions = self._services.identity.admissions
        if asked.accept:
            admissions.accept(asked.node, now_us=self._services.clock.wall_us())
        else:
            admissions.refuse(asked.node)
        return {"node": asked.node, "accepted": asked.accept}


def _admission(entry: Any) -> Plain:
    return {
        "node": entry.node,
        "level": entry.level.word,
        "territory": entry.territory.code,
        "fingerprint": entry.fingerprint,
        "asked_us": entry.asked_us,
    }


def _plain(row: Mapping[str, object]) -> Plain:
    """A row as JSON values: times as microseconds, bytes as base64."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "timestamp"):
        return round(value.timestamp() * MICROSECONDS)
    return value

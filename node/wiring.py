"""What a running node's API speaks to, put together from its parts. Called by node/appliance.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from node.algorithms.kind import ALGORITHM
from node.algorithms.wiring import algorithms_of, count_judged_of
from node.assembly import Parts
from node.audit.wiring import audit_of
from node.cameras.host import CameraHost
from node.cameras.viewing.wiring import views_of
from node.cameras.wiring import CameraRoom, directory_of
from node.carriage.carrier import Carrier
from node.cases.kind import Kind
from node.cases.wiring import cases_of
from node.catalogue.review import Review
from node.catalogue.wiring import catalogue_of
from node.config.config import NodeConfig, split_address
from node.devices.kind import COMMAND
from node.devices.wiring import devices_of
from node.gb28181.wiring import platform_of
from node.identity.bundle_seal import BundleSeal
from node.identity.chance import new_rng
from node.incidents.desk import IncidentDesk
from node.incidents.step_case import STEP_CASE
from node.incidents.wiring import incidents_of, steps_of
from node.ingest.handing_in import HandingIn
from node.ingest.plane import DevicePlane
from node.keeping.care import Care
from node.keeping.storage import Storage
from node.negative_list.desk import ListDesk
from node.negative_list.kind import ENTRY
from node.policy.governing import KINDS, governing_of
from node.policy.issuing import Issuer
from node.quality.kind import TICKET
from node.quality.wiring import quality_of
from node.recall.kind import RECALL
from node.recall.wiring import pages_of, recalls_of
from node.requests.terms import Terms
from node.requests.wiring import request_kind, requests_of, terms_of
from node.returns.wiring import returns_of
from node.sealed.wiring import sealed_of
from node.sensor_alarms.desk import SensorDesk
from node.sensor_alarms.forgetting import forgetting_of
from node.sensor_alarms.wiring import sensors_of
from node.services import OwnIdentity, Services
from node.sql.desk import SqlDesk
from node.status import Sources, StatusBoard
from node.summaries.wiring import summaries_of
from node.territories.desk import TerritoryDesk
from node.tracing.desk import tracing_of


def services_of(parts: Parts, plane: DevicePlane, room: CameraRoom, care: Care, storage: Storage) -> Services:
    """All desks of a node."""
    config = parts.config
    issuer = Issuer(parts.me.node, parts.me.level, BundleSeal(parts.files).sign, parts.policy, parts.clock)
    catalogue, handing_in, terms = catalogue_of(parts, issuer), HandingIn(parts.inbox, storage), terms_of(parts)
    negative_list = ListDesk(cases_of(parts, handing_in, _kinds(terms)), issuer)
    requests = requests_of(parts, negative_list.cases, terms)
    governing = governing_of(parts, negative_list.cases, issuer, requests)
    recalls = recalls_of(parts, negative_list.cases, care.repairs, pages_of(parts, requests))
    quality = quality_of(parts, negative_list.cases, requests.parties)
    audit, returns = audit_of(parts), returns_of(parts)
    sensors = sensors_of(parts, lambda: plane.sensors, handing_in)
    recalls.on_kept = forgetting_of(sensors, parts.journal)
    directory, devices = directory_of(parts, room.host), devices_of(parts, plane, negative_list.cases, requests.parties, sensors)
    sealed = sealed_of(parts, requests, handing_in)
    incidents = _incidents(parts, room, handing_in, sensors)
    tell: tuple[Callable[[], list[str]], ...] = (
        care.repairs.troubles, care.quarantine.troubles, storage.troubles, parts.forks.troubles, catalogue.troubles,
        negative_list.troubles, requests.desk.troubles, governing.troubles, quality.troubles, audit.witnesses.troubles,
        recalls.troubles, returns.troubles, sensors.troubles, devices.commands.troubles, sealed.troubles,
        room.evidence.troubles,
    )  # fmt: skip
    return Services(
        journal=parts.journal,
        board=_board(parts, _sources(parts, plane, room.host, tell)),
        directory=parts.directory,
        links=parts.links,
        policy=parts.policy,
        summaries=summaries_of(parts, requests),
        handing_in=handing_in,
        identity=OwnIdentity(config.level, config.territory, parts.files.ca_sha256, parts.admissions),
        clock=parts.clock,
        devices=devices,
        cameras=room.host,
        camera_directory=directory,
        views=views_of(parts, room.pictures, room.video, requests),
        platform=platform_of(parts, directory, new_rng()),
        door_facts=plane.facts,
        carrier=Carrier(parts),
        storage=storage,
        attachments=parts.attachments,
        care=care,
        tracing=tracing_of(parts),
        catalogue_desk=catalogue,
        review=Review(catalogue, config.folder),
        negative_list=negative_list,
        requests=requests,
        quality=quality,
        sql=SqlDesk(parts.journal, parts.policy, parts.audit, parts.clock),
        governing=governing,
        audit=audit,
        recalls=recalls,
        returns=returns,
        sealed=sealed,
        territories=TerritoryDesk(issuer, parts.me.territory, parts.directory.all_below),
        sensors=sensors,
        evidence=room.evidence,
        incidents=incidents,
        incident_steps=steps_of(parts, incidents, negative_list.cases),
        algorithms=algorithms_of(parts, negative_list.cases, requests, handing_in, room.usage),
    )


def _incidents(parts: Parts, room: CameraRoom, handing_in: HandingIn, sensors: SensorDesk) -> IncidentDesk:
    """What people say of alarms counts for the models that made them."""
    desk = incidents_of(parts, room.incidents, handing_in, sensors, room.host.rule_kinds)
    desk.on_judged = count_judged_of(parts, room.usage)
    return desk


def _sources(parts: Parts, plane: DevicePlane, cameras: CameraHost, tell: Sequence[Callable[[], list[str]]]) -> Sources:
    return Sources(
        link=parts.links.link_status,
        cameras=lambda: _counts(cameras.cameras()),
        devices=lambda: len(plane.registry),
        door=plane.status,
        policy=lambda: "" if parts.policy.ruleset.is_empty else parts.policy.version.digest.hex()[:8],
        troubles=lambda: [word for told in tell for word in told()] + parts.keeper.troubles + _refusing(plane),
    )


def _board(parts: Parts, sources: Sources) -> StatusBoard:
    config, parent = parts.config, parts.parent.node if parts.parent else ""
    board = StatusBoard(parts.me, config.node.name or config.node.id, parent, parts.journal, sources, parts.clock)
    board.link_address = parts.directory.own_address = config.links.announce or config.links.listen
    board.join_address, board.certified_as = join_address(config), "/".join(parts.attachments.own.path)
    parts.bind_status(board.status)
    return board


def join_address(config: NodeConfig) -> str:
    """Where this node certifies children, as others reach it; empty when it does not."""
    if not (config.links.join_listen and config.links.listen):
        return ""
    host, _ = split_address(config.links.announce or config.links.join_listen)
    _, port = split_address(config.links.join_listen)
    return f"{host}:{port}" if port else ""


def _refusing(plane: DevicePlane) -> list[str]:
    """The word of a sensor door that takes nothing."""
    return [] if plane.intake.has_room else ["door_refusing"]


def _kinds(terms: Terms) -> list[Kind]:
    """Every kind of case that a node keeps."""
    return [ENTRY, request_kind(terms), TICKET, RECALL, COMMAND, ALGORITHM, STEP_CASE, *KINDS]


def _counts(cameras: Sequence[Mapping[str, object]]) -> dict[str, int]:
    """How many cameras are live and how many lost."""
    states = [str(camera["state"]) for camera in cameras]
    return {"live": sum(state in ("live", "degraded") for state in states), "lost": sum(state == "lost" for state in states)}

"""The shapes of the local API's answers, as far as the console shows them (docs/api.md).

Unknown fields are ignored and missing ones have a neutral value, so that a console outlives one release of the node;
a wrong type raises ApiProblem. Texts in here are still hostile: nothing may be shown without `tui.safe`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from tui.camera_answers import Camera
from tui.errors import ApiProblem

RowValue = str | int | float | bool | None


class Queue(Struct, frozen=True):
    """Backlog of one lane toward the parent."""

    batches: int = 0
    records: int = 0
    bytes: int = 0
    oldest_s: float | None = None


class UpLink(Struct, frozen=True):
    """The link to the parent as the node's status tells it."""

    state: str = ""
    since_us: int | None = None
    rtt_ms: float | None = None


class Door(Struct, frozen=True):
    """Messages the sensor door took and turned away."""

    accepted: int = 0
    refused: int = 0


class CameraCount(Struct, frozen=True):
    """How many cameras deliver pictures and how many do not."""

    live: int = 0
    lost: int = 0


class NodeStatus(Struct, frozen=True):
    """One node as it last described itself."""

    id: str
    name: str = ""
    level: str = ""
    territory: str = ""
    parent: str | None = None
    state: str = "STALE"
    words: list[str] = []
    as_of_us: int | None = None
    age_s: float | None = None
    software: str = ""
    policy: str = ""
    lag_s: float | None = None
    queues: dict[str, Queue] = {}
    records: dict[str, int] = {}
    link: UpLink | None = None
    cameras: CameraCount | None = None
    devices: int | None = None
    door: Door | None = None
    rss_mb: float | None = None


class Tree(Struct, frozen=True):
    """Ancestors, the node itself and its subtree, in tree order."""

    self_id: str = msgspec.field(name="self", default="")
    nodes: list[NodeStatus] = []


class Link(Struct, frozen=True):
    """One link of the answering node."""

    peer: str = ""
    role: str = ""
    state: str = ""
    trouble: str = ""
    since_us: int | None = None
    rtt_ms: float | None = None


class Status(Struct, frozen=True):
    """The answering node in detail."""

    node: NodeStatus
    links: list[Link] = []
    cameras: list[Camera] = []
    software: str = ""


class CameraEvent(Struct, frozen=True, rename={"class_": "class"}):
    """One event a camera worker reported."""

    event_id: str
    lsn: int | None = None
    camera: str = ""
    node: str = ""
    territory: str = ""
    rule: str = ""
    class_: str = ""
    score: float | None = None
    time_us: int | None = None
    age_s: float | None = None
    algorithm: str = ""
    algorithm_sha256: str = ""
    evidence_sha256: str | None = None
    evidence_grade: str | int | None = None
    scene: str | None = None
    ended: bool = False
    place: str | None = None
    verdict: str = ""
    """What a person said of it: true, false, or nothing yet."""


class Events(Struct, frozen=True):
    """Camera events, newest first."""

    events: list[CameraEvent] = []


class Evidence(Struct, frozen=True):
    """The picture kept for an event."""

    sha256: str = ""
    camera: str = ""
    thumb_width: int = 0
    thumb_height: int = 0
    thumb_rgb: str = ""
    """Base64 of width * height * 3 bytes."""
    masked: bool = False


class SentStep(Struct, frozen=True):
    """A step that a node above said about an incident, with what became of it."""

    step: str = ""
    by: str = ""
    said_at: str = ""
    """The node at which it was said."""
    state: str = ""
    answer: str = ""
    """Why the incident's node did not take it."""


class Incident(Struct, frozen=True, rename={"class_": "class"}):
    """One incident as it stands."""

    incident_id: str
    event_id: str | None = None
    class_: str = ""
    severity: int | None = None
    handling_level: str | int | None = None
    state: str = ""
    summary: str | None = None
    territory: str = ""
    age_s: float | None = None
    node: str = ""
    """Whose row opened it."""
    state_node: str = ""
    """Whose row says its state."""
    state_age_s: float | None = None
    by: str = ""
    """Who said the state; empty when nobody did."""
    why: str = ""
    sent_steps: list[SentStep] = []
    """While it waits or came to nothing: the newest of them."""


class Incidents(Struct, frozen=True):
    """Incidents, newest first."""

    incidents: list[Incident] = []


class Device(Struct, frozen=True):
    """One registered device."""

    device: str
    kind: str = ""
    protocol: str = ""
    owner: str = ""
    state: str = ""
    age_s: float | None = None
    readings: int | None = None
    rate: float | None = None
    """Messages per minute."""
    period_s: float | None = None
    battery: float | None = None
    silent_s: float | None = None
    """How long it has been silent; None while it speaks."""
    commands: int | None = None
    """Commands that wait for it."""


class LastValue(Struct, frozen=True):
    """The newest value of a quantity."""

    value: object = None
    unit: str | None = None
    age_s: float | None = None


class DeviceCommand(Struct, frozen=True):
    """A command and what became of it."""

    id: str
    command: str = ""
    state: str = ""
    by: str = ""
    why: str = ""
    issued_us: int | None = None


class DeviceCard(Struct, frozen=True):
    """What the list does not say of a device."""

    territory: str = ""
    profile: str = ""
    address: str = ""
    installed: str = ""
    values: dict[str, LastValue] = {}


class DeviceShown(Struct, frozen=True):
    """One device whole."""

    device: DeviceCard = DeviceCard()
    commands: list[DeviceCommand] = []


class Devices(Struct, frozen=True):
    """Registered devices."""

    devices: list[Device] = []


class SensorAlarm(Struct, frozen=True):
    """An alarm of a sensor that holds."""

    id: str
    node: str = ""
    """Empty: the answering node."""
    territory: str = ""
    resource: str = ""
    device: str = ""
    quantity: str = ""
    kind: str = ""
    time_us: int | None = None
    value: object = None
    facts: object = None
    severity: int = 0


class SensorAlarms(Struct, frozen=True):
    """Alarms of the node's own sensors, or of sensors of nodes below."""

    holding: list[SensorAlarm] = []


class Outcomes(Struct, frozen=True, rename={"return_": "return"}):
    """What becomes of a resource on each way, as policy words."""

    parent: str = ""
    above: str = ""
    return_: str = ""


class Resource(Struct, frozen=True):
    """One entry of the catalogue."""

    code: str
    title: dict[str, str] = {}
    grade: str | int = ""
    share: str = ""
    mode: str = ""
    lane: str = ""
    source_level: str = ""
    period_s: float | None = None
    outcomes: Outcomes = Outcomes()


class Resources(Struct, frozen=True):
    """The catalogue."""

    resources: list[Resource] = []


class Step(Struct, frozen=True):
    """One rule that had a say in an outcome; `reason` is a code whose text takes `values`."""

    rule: str = ""
    outcome: str = ""
    reason: str = ""
    basis: dict[str, str] | str | None = None
    """Instrument, article and quote of the law the rule rests on."""
    values: dict[str, RowValue] = {}


class ColumnRule(Struct, frozen=True):
    """What happens to one column."""

    name: str = ""
    method: str = ""
    reason: str | None = None


class Explanation(Struct, frozen=True):
    """Why a resource leaves the way it does."""

    outcome: str = ""
    steps: list[Step] = []
    columns: list[ColumnRule] = []
    version: str = ""


class Form(Struct, frozen=True):
    """The specimen as one place would get it; no row where no record goes."""

    where: str = ""
    outcome: str = ""
    row: dict[str, RowValue] | None = None
    reason: str | None = None


class Specimen(Struct, frozen=True):
    """The catalogue's fictitious specimen of a resource in all its forms."""

    resource: str = ""
    fields: list[str] = []
    forms: list[Form] = []


Shape = TypeVar("Shape", bound=Struct)


def shaped(body: Mapping[str, object], shape: type[Shape]) -> Shape:
    """`body` as a `shape`; raises ApiProblem with code BAD_ANSWER naming the field at fault."""
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise ApiProblem("BAD_ANSWER", f"{shape.__name__.lower()}: {error}: are node and console of the same release?") from error

"""The sections of node.toml as typed structs: the one list of keys. docs/config.md explains each; a test compares the two."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.identity.certificates import CA_LIFE_S, LEAF_LIFE_S
from sync.core.admission import BURST, PER_S, SHAKING_MAX

Fraction = Annotated[float, Meta(ge=0, le=1)]
"""A coordinate as a share of the picture's width or height."""


class NodeSection(msgspec.Struct, frozen=True, kw_only=True):
    """Who this node is."""

    id: str
    level: str
    territory: str
    coding_system: str = "NBS"
    edition: str = "2022-10-31"
    name: str = ""
    language: Literal["zh", "en"] = "zh"


class CapEntry(msgspec.Struct, frozen=True, kw_only=True):
    """At most so much over a link, in some lanes, at some time of the day."""

    peer: str = "parent"
    lanes: Annotated[list[Literal["control", "alarm", "event", "state", "bulk", "blob"]], Meta(max_length=6)] = []
    window: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] = "00:00-00:00"
    kbit_s: Annotated[float, Meta(ge=1, le=10_000_000)]


class LinksSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where children reach this node."""

    listen: str = ""
    announce: str = ""
    join_listen: str = ""
    admit_per_s: Annotated[float, Meta(gt=0, le=1_000)] = PER_S
    admit_burst: Annotated[int, Meta(ge=1, le=1_000)] = BURST
    handshakes_max: Annotated[int, Meta(ge=1, le=4_096)] = SHAKING_MAX
    utc_offset_minutes: Annotated[int, Meta(ge=-840, le=840)] = 480
    cap: Annotated[list[CapEntry], Meta(max_length=64)] = []
    fresh_first: Annotated[list[str], Meta(max_length=256)] = []


class ParentSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where this node reaches its parent; written by join."""

    address: str = ""
    join_address: str = ""


class MosquittoEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A site's own broker to read from."""

    url: str
    topics: Annotated[list[str], Meta(min_length=1, max_length=64)]
    username: str = ""
    password_file: str = ""


class ProfileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the messages of a topic are."""

    topic: Annotated[str, Meta(min_length=1, max_length=1_024)] = ""
    resource: str = ""
    format: Literal["json", "senml", "hj212", "jt808", "sl651"] | None = None
    profile: Annotated[str, Meta(min_length=1, max_length=256)] = ""
    territory: str = ""


class ModbusEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A Modbus TCP device that is asked."""

    device: Annotated[str, Meta(min_length=1, max_length=256)]
    address: str
    profile: Annotated[str, Meta(min_length=1, max_length=256)]
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    resource: str = ""
    territory: str = ""
    period_s: Annotated[float, Meta(ge=0.1, le=86_400)] | None = None
    timeout_s: Annotated[float, Meta(ge=0.1, le=60)] = 3.0


class AclEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What one user of the sensor door may do."""

    user: Annotated[str, Meta(min_length=1, max_length=128)]
    topics: Annotated[list[str], Meta(max_length=64)] = msgspec.field(default_factory=lambda: ["#"])
    devices: Annotated[list[str], Meta(max_length=1_000)] = msgspec.field(default_factory=lambda: ["%u"])
    clients: Annotated[list[str], Meta(max_length=64)] = msgspec.field(default_factory=lambda: ["%u"])


class DevicesSection(msgspec.Struct, frozen=True, kw_only=True):
    """The sensor door."""

    listen: Annotated[list[str], Meta(max_length=16)] = msgspec.field(default_factory=lambda: ["127.0.0.1:1883"])
    tls_certificate: str = ""
    tls_key: str = ""
    password_file: str = ""
    anonymous: bool = False
    admit_unknown: bool = False
    tls_client_ca: str = ""
    access: Literal["field", "open"] = "field"
    acl: Annotated[list[AclEntry], Meta(max_length=10_000)] = []
    keep_alive_s_max: Annotated[int, Meta(ge=5, le=65_535)] = 65_535
    connections_max: Annotated[int, Meta(ge=1, le=100_000)] = 12_000
    hj212_listen: Annotated[list[str], Meta(max_length=16)] = []
    jt808_listen: Annotated[list[str], Meta(max_length=16)] = []
    sl651_listen: Annotated[list[str], Meta(max_length=16)] = []
    profile_folder: str = ""
    modbus: Annotated[list[ModbusEntry], Meta(max_length=500)] = []
    mosquitto: Annotated[list[MosquittoEntry], Meta(max_length=16)] = []
    profiles: Annotated[list[ProfileEntry], Meta(max_length=1_000)] = []


class SensorLimitEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as wrong for readings; of an empty quantity or device: for all of them."""

    resource: str
    quantity: str = ""
    device: str = ""
    low: float | None = None
    high: float | None = None
    hysteresis: Annotated[float, Meta(ge=0)] = 0.0
    rate_per_hour_max: Annotated[float, Meta(gt=0)] | None = None
    stuck_s: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    gap_s: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    severity: Annotated[int, Meta(ge=0, le=4)] = 0


class SensorGroupEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Series of one resource that move together; members are `device/quantity`."""

    resource: str
    name: str
    members: Annotated[list[str], Meta(min_length=2, max_length=64)]


class SensorsSection(msgspec.Struct, frozen=True, kw_only=True):
    """The watch over readings that come in at this node's own doors."""

    limits: Annotated[list[SensorLimitEntry], Meta(max_length=20_000)] = []
    groups: Annotated[list[SensorGroupEntry], Meta(max_length=1_000)] = []


Polygon = Annotated[list[tuple[Fraction, Fraction]], Meta(min_length=3, max_length=32)]


class RuleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What in a camera's picture makes an event."""

    name: str
    kind: Literal["", "line", "zone", "dwell", "count", "crowding", "absence", "left-object", "speed", "wrong-way", "level"] = ""
    preset: str = ""
    points: Annotated[list[tuple[Fraction, Fraction]], Meta(min_length=2, max_length=32)]
    classes: Annotated[list[str], Meta(max_length=64)] | None = None
    score_min: Annotated[float, Meta(ge=0, lt=1)] | None = None
    leave_out: Annotated[list[Polygon], Meta(max_length=16)] | None = None
    frames_min: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    frames_of: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    dwell_s: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    count_min: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    count_end: Annotated[int, Meta(ge=0, le=1_000)] | None = None
    cooldown_s: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    still: bool | None = None
    owners: Annotated[list[str], Meta(max_length=64)] | None = None
    speed_kmh: Annotated[float, Meta(gt=0, le=1_000)] | None = None
    way: Annotated[list[float], Meta(min_length=2, max_length=2)] | None = None
    level_low: float | None = None
    level_high: float | None = None
    level_max: float | None = None
    schedule: Annotated[list[str], Meta(max_length=32)] | None = None
    when: str | None = None
    second_stage: str | None = None
    second_class: str | None = None
    clip_s: Annotated[list[float], Meta(max_length=2)] | None = None


class GroundEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Where a camera's picture lies on the ground: its size in metres, or four points with their places."""

    size_m: Annotated[list[float], Meta(max_length=2)] = []
    picture: Annotated[list[tuple[Fraction, Fraction]], Meta(max_length=4)] = []
    metres: Annotated[list[tuple[float, float]], Meta(max_length=4)] = []


class CameraEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One camera and its algorithm."""

    id: str
    name: str = ""
    kind: Literal["rtsp", "file", "v4l2", "rendered"]
    source: str = ""
    algorithm: str
    model: str = ""
    loop: bool = False
    analysed_fps: Annotated[float, Meta(gt=0, le=60)] = 5.0
    mode: Literal["full", "keyframe", "still", "off"] = "full"
    still_every_s: Annotated[float, Meta(ge=5, le=86_400)] = 60.0
    alarm: bool = False
    stream_width: Annotated[int, Meta(ge=16, le=16_384)] = 1280
    stream_height: Annotated[int, Meta(ge=16, le=16_384)] = 720
    stream_fps: Annotated[float, Meta(gt=0, le=240)] = 25.0
    place: str = ""
    territory: str = ""
    code: Annotated[str, Meta(pattern=r"^([0-9]{20})?$")] = ""
    mask: Literal["boxes", "mosaic"] = "boxes"
    utc_offset_minutes: Annotated[int, Meta(ge=-840, le=840)] = 480
    ground: GroundEntry = GroundEntry()
    rule: Annotated[list[RuleEntry], Meta(max_length=64)] = []


class EdgeSection(msgspec.Struct, frozen=True, kw_only=True):
    """How cameras share this box."""

    over_capacity: Literal["refuse", "degrade"] = "refuse"
    ring_dir: str = ""
    callers: Annotated[int, Meta(ge=0, le=8)] = 0
    models_quota_mb: Annotated[int, Meta(ge=0, le=1 << 20)] = 8_192
    models_wanted: Annotated[list[Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]], Meta(max_length=400)] = []
    models_then: Literal["keep", "shadow"] = "keep"
    view_kib_s: Annotated[int, Meta(ge=4, le=16_384)] = 256
    video_kib_s: Annotated[int, Meta(ge=16, le=16_384)] = 640


class StoreSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where data lies and how much memory its analysis may take."""

    dir: str = "."
    memory_mb: Annotated[int, Meta(ge=64, le=1_048_576)] = 256


class StorageSection(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the disk the journal may take, and how long it keeps what is delivered."""

    quota_mb: Annotated[int, Meta(ge=0, le=1 << 30)] = 0
    disk_reserve_mb: Annotated[int, Meta(ge=0, le=1 << 30)] = 64
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    top_frees_by_age: bool = False


class EvidenceKindEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How originals of one kind of rule are kept."""

    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 30
    quota_mb: Annotated[int, Meta(ge=0, le=1 << 30)] = 0


class EvidenceSection(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures as they were taken, which stay at this node."""

    quota_mb: Annotated[int, Meta(ge=0, le=1 << 30)] = 4_096
    disk_floor_mb: Annotated[int, Meta(ge=0, le=1 << 30)] = 512
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 30
    kind: Annotated[list[EvidenceKindEntry], Meta(max_length=64)] = []


class IncidentsSection(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of incidents that nobody touches."""

    expire_days: Annotated[int, Meta(ge=0, le=3_650)] = 30


class SummariesSection(msgspec.Struct, frozen=True, kw_only=True):
    """Summary pulls."""

    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 10.0


class IdentitySection(msgspec.Struct, frozen=True, kw_only=True):
    """How long certificates live."""

    leaf_life_s: Annotated[int, Meta(ge=10, le=LEAF_LIFE_S)] = LEAF_LIFE_S
    ca_life_s: Annotated[int, Meta(ge=10, le=CA_LIFE_S)] = CA_LIFE_S


class CarriageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of watched folders to one peer."""

    peer: str
    out: str
    back: str
    interval_s: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    part_mb: Annotated[int, Meta(ge=1, le=4_095)] = 64


class ProofSection(msgspec.Struct, frozen=True, kw_only=True):
    """How often the node proves its copies and looks at its stored bytes."""

    every_h: Annotated[float, Meta(gt=0, le=8_760)] = 24.0
    scrub_h: Annotated[float, Meta(gt=0, le=8_760)] = 168.0


class PolicySection(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the policy bundles the node takes."""

    slices: Literal["auto", "on", "off"] = "auto"
    resources: Annotated[list[str], Meta(max_length=500)] = []


class Gb28181Section(msgspec.Struct, frozen=True, kw_only=True):
    """The upper video platform that this node is a device of."""

    platform: str = ""
    platform_id: Annotated[str, Meta(pattern=r"^([0-9]{20})?$")] = ""
    domain: Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9.-]*$")] = ""
    device_id: Annotated[str, Meta(pattern=r"^([0-9]{20})?$")] = ""
    user: Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    password_file: str = ""
    local: str = ""
    transport: Literal["udp", "tcp"] = "udp"
    expires_s: Annotated[int, Meta(ge=60, le=604_800)] = 3_600
    keepalive_s: Annotated[float, Meta(ge=5, le=3_600)] = 60.0
    territory: str = ""


class ConsoleSection(msgspec.Struct, frozen=True, kw_only=True):
    """The terminal console."""

    language: Literal["", "zh", "en"] = ""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """All of node.toml."""

    node: NodeSection
    links: LinksSection = LinksSection()
    parent: ParentSection = ParentSection()
    devices: DevicesSection = msgspec.field(default_factory=DevicesSection)
    sensors: SensorsSection = msgspec.field(default_factory=SensorsSection)
    camera: Annotated[list[CameraEntry], Meta(max_length=256)] = []
    edge: EdgeSection = EdgeSection()
    carriage: Annotated[list[CarriageEntry], Meta(max_length=64)] = []
    store: StoreSection = StoreSection()
    storage: StorageSection = StorageSection()
    evidence: EvidenceSection = msgspec.field(default_factory=EvidenceSection)
    incidents: IncidentsSection = msgspec.field(default_factory=IncidentsSection)
    limits: dict[str, int | float] = {}
    summaries: SummariesSection = SummariesSection()
    identity: IdentitySection = IdentitySection()
    proof: ProofSection = ProofSection()
    console: ConsoleSection = ConsoleSection()
    gb28181: Gb28181Section = Gb28181Section()
    policy: PolicySection = msgspec.field(default_factory=PolicySection)

"""The data catalogue: resources, their fields, and the totals derived from them.

Owns what a resource is and what its Arrow schema looks like. Refuses definitions that could not be graded or masked. Called by bundles,
plans, ingest (for schemas) and the console (for titles).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from policies.errors import BundleError
from policies.listing import Listing
from policies.quality import QualityRules
from policies.reading import Reader, as_text
from policies.words import Mode, National, Role, Share, from_word
from sync.model import Lane, Level, ModelError, check_resource

COMMON_COLUMNS = ("event_time", "territory", "grade")
"""Columns every resource begins with."""
FACT_FIELDS = ("fact_id", "case_id", "fact", "by", "body", "relayed")
"""Columns of a resource of facts (node/cases/fact.py), in this order, all of them texts. `relayed` is empty where a fact was said."""
ENVELOPES = "sealed-envelopes"
ENVELOPE_FIELDS = (("target", "string"), ("body", "binary"))
"""Code and columns of the resource of sealed envelopes (policies/sealed.py)."""
FIELDS_MAX = 512
LINEAGE_MAX = 64
"""Resources that one is made of directly."""
LAYOUTS_MAX = 16_384
"""Schemas remembered."""

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.dictionary(pa.int32(), pa.string()),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "int8": pa.int8(),
    "bool": pa.bool_(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
"""Type words of the catalogue; strings are dictionary-encoded so that a plan works on distinct values."""

_COMMON = (
    pa.field("event_time", ARROW_TYPES["timestamp"]),
    pa.field("territory", ARROW_TYPES["string"]),
    pa.field("grade", pa.int8()),
)

Scalar = str | int | float | bool | None
"""A value of a specimen row; times are microseconds since 1970 UTC, binary is hex."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a resource."""

    name: str
    type: str
    role: Role = Role.PLAIN
    grade: int = 0
    """1-4 when the field is graded above its resource; 0: the resource's grade."""
    mask: str = ""
    """Name of the mask profile used when this field must be masked; empty: redact."""
    category: str = ""
    title: str = ""
    """Name of the information item (信息项名称) as its department writes it; written only when set."""

    @classmethod
    def of(cls, value: object, where: str) -> Field:
        """A field from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            name=reader.text("name"),
            type=reader.text("type"),
            role=from_word(Role, reader.text("role", "plain"), what=f"{where}.role"),
            grade=reader.integer("grade", 0, high=4),
            mask=reader.text("mask", ""),
            category=reader.text("category", ""),
            title=reader.text("title", ""),
        )
        reader.done()
        if built.type not in ARROW_TYPES:
            raise BundleError(f"{where}.type {built.type!r} is not one of {', '.join(ARROW_TYPES)}")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`, every key present but an empty title."""
        title: dict[str, object] = {"title": self.title} if self.title else {}
        return title | {
            "name": self.name,
            "type": self.type,
            "role": self.role.value,
            "grade": self.grade,
            "mask": self.mask,
            "category": self.category,
        }


@dataclass(frozen=True, slots=True)
class Grouping:
    """One output column of a derived resource and how it is made from a source column."""

    name: str
    source: str
    width: int = 0
    """For numbers: values fall into steps of this width. For the territory: digits kept. 0: the value itself."""

    @classmethod
    def of(cls, value: object, where: str) -> Grouping:
        """A grouping from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(name=reader.text("name"), source=reader.text("source"), width=reader.integer("width", 0, high=1_000_000))
        reader.done()
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {"name": self.name, "source": self.source, "width": self.width}


@dataclass(frozen=True, slots=True)
class Derived:
    """How a resource of totals is made: counts of `source` by `groups`; the first group is the place."""

    source: str
    groups: tuple[Grouping, ...]
    widen_to: int = 0
    """Digits of the next tier, at which places too small to show are shown together; 0: never."""

    @classmethod
    def of(cls, value: object, where: str) -> Derived:
        """A derivation from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        built = cls(
            source=reader.text("source"),
            groups=reader.items("groups", Grouping.of),
            widen_to=reader.integer("widen_to", 0, high=15),
        )
        reader.done()
        if not built.groups or built.groups[0].source != "territory":
            raise BundleError(f"{where}.groups refused: the first group must be made from territory")
        return built

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`."""
        return {"source": self.source, "groups": [group.encoded() for group in self.groups], "widen_to": self.widen_to}


@dataclass(frozen=True, slots=True)
class Resource:
    """A catalogued data set."""

    code: str
    title_zh: str
    title_en: str
    lane: Lane
    fields: tuple[Field, ...]
    grade: int
    """1-4; 0 while the owner has not graded it: held, provisional L3."""
    share: Share = Share.UNCONDITIONAL
    mode: Mode = Mode.REPLICATE
    national: National = National.GENERAL
    categories: tuple[str, ...] = ()
    purpose: str = ""
    """Standing purpose of the flows up; it counts as the grant of a conditional resource on them."""
    source_level: Level | None = None
    """Level of the source nodes; None: any."""
    event_sourced: bool = False
    returns: bool = False
    """True when what an upper node holds of a territory flows back to it."""
    provider: str = ""
    owner: str = ""
    library: str = "topic"
    """Library class: base, topic or special."""
    period_s: int = 0
    """Promised update period in seconds; 0: as it happens."""
    retention_s: int = 0
    """Seconds records are kept; 0: until the quota."""
    schema_version: int = 1
    skeleton: tuple[str, ...] = ()
    """Fields that leave even when policy is stale (incidents); empty: held like anything else."""
    specimen: tuple[tuple[str, Scalar], ...] = ()
    """One fictitious row, for explanations."""
    specimen_listed: tuple[tuple[str, Scalar], ...] = ()
    """What differs in a specimen that a negative-list entry catches."""
    derived: Derived | None = None
    lineage: tuple[str, ...] = ()
    """Codes of the resources that its rows are made of, one by one: it is as strict as they are (lineage.py). Written only when set."""
    listing: Listing = field(default=Listing(), hash=False)
    """What the national guide asks of an entry; no rule reads it, and what looks plans up need not hash it."""
    quality: QualityRules = field(default=QualityRules(), hash=False)
    """What a good record is; no rule about its way reads it."""

    @property
    def is_of_facts(self) -> bool:
        """True for what people say about cases: no entry of the negative list is about it, because entries themselves are decided there."""
        return self.event_sourced and tuple(item.name for item in self.fields) == FACT_FIELDS

    @property
    def is_of_envelopes(self) -> bool:
        """True for sealed envelopes: no entry of the negative list is about them, because what is inside was judged and is judged again."""
        return self.code == ENVELOPES and tuple((item.name, item.type) for item in self.fields) == ENVELOPE_FIELDS

    @classmethod
    def of(cls, value: object, where: str) -> Resource:
        """A resource from decoded JSON or TOML; raises BundleError."""
        reader = Reader(value, where)
        level = reader.text("source_level", "")
        derived, listing, quality = reader.table("derived"), reader.table("listing"), reader.table("quality")
        built = cls(
            code=_code(reader.text("code"), where),
            title_zh=reader.text("title_zh"),
            title_en=reader.text("title_en"),
            lane=from_word(Lane, reader.text("lane"), what=f"{where}.lane"),
            fields=reader.items("fields", Field.of),
            grade=reader.integer("grade", high=4),
            share=from_word(Share, reader.text("share", "unconditional"), what=f"{where}.share"),
            mode=from_word(Mode, reader.text("mode", "replicate"), what=f"{where}.mode"),
            national=from_word(National, reader.text("national", "general"), what=f"{where}.national"),
            categories=reader.texts("categories"),
            purpose=reader.text("purpose", ""),
            source_level=from_word(Level, level, what=f"{where}.source_level") if level else None,
            event_sourced=reader.flag("event_sourced", default=False),
            returns=reader.flag("returns", default=False),
            provider=reader.text("provider", ""),
            owner=reader.text("owner", ""),
            library=reader.text("library", "topic"),
            period_s=reader.integer("period_s", 0),
            retention_s=reader.integer("retention_s", 0),
            schema_version=reader.integer("schema_version", 1, low=1),
            skeleton=reader.texts("skeleton"),
            specimen=_row(reader.table("specimen"), f"{where}.specimen"),
            specimen_listed=_row(reader.table("specimen_listed"), f"{where}.specimen_listed"),
            derived=Derived.of(derived, f"{where}.derived") if derived else None,
            lineage=tuple(sorted(_code(code, f"{where}.lineage") for code in reader.texts("lineage"))),
            listing=Listing.of(listing, f"{where}.listing") if listing else Listing(),
            quality=QualityRules.of(quality, f"{where}.quality") if quality else QualityRules(),
        )
        reader.done()
        return _checked(built, where)

    def encoded(self) -> dict[str, object]:
        """The inverse of `of`, every key present but an empty lineage, listing and rules of quality, ready for canonical JSON."""
        listing, quality = self.listing.encoded(), self.quality.encoded()
        lineage: dict[str, object] = {"lineage": list(self.lineage)} if self.lineage else {}
        return (
            {
                "code": self.code,
                "title_zh": self.title_zh,
                "title_en": self.title_en,
                "lane": self.lane.word,
                "fields": [entry.encoded() for entry in self.fields],
                "grade": self.grade,
                "share": self.share.value,
                "mode": self.mode.value,
                "national": self.national.value,
                "categories": list(self.categories),
                "purpose": self.purpose,
                "source_level": self.source_level.word if self.source_level else "",
                "event_sourced": self.event_sourced,
                "returns": self.returns,
                "provider": self.provider,
                "owner": self.owner,
                "library": self.library,
                "period_s": self.period_s,
                "retention_s": self.retention_s,
                "schema_version": self.schema_version,
                "skeleton": list(self.skeleton),
                "specimen": dict(self.specimen),
                "specimen_listed": dict(self.specimen_listed),
                "derived": self.derived.encoded() if self.derived else {},
            }
            | lineage
            | ({"listing": listing} if listing else {})
            | ({"quality": quality} if quality else {})
        )


def schema(resource: Resource) -> pa.Schema:
    """The Arrow schema of a resource: event_time, territory and grade, then its fields; strings are dictionaries with int32 indices."""
    return _schema_of(tuple([(entry.name, entry.type) for entry in resource.fields]))


@lru_cache(maxsize=LAYOUTS_MAX)
def _schema_of(layout: tuple[tuple[str, str], ...]) -> pa.Schema:
    """The same for all resources of one layout: to hash a whole resource takes longer than to make a schema."""
    return pa.schema([*_COMMON, *(pa.field(name, ARROW_TYPES[word]) for name, word in layout)])


def _code(code: str, where: str) -> str:
    try:
        return check_resource(code)
    except ModelError as error:
        raise BundleError(f"{where}.code: {error}") from None


def _row(table: dict[str, object], where: str) -> tuple[tuple[str, Scalar], ...]:
    for name, value in table.items():
        if not isinstance(value, str | int | float | bool):
            raise BundleError(f"{where}.{name} refused: expected a text, a number or a flag")
        if isinstance(value, str):
            as_text(value, f"{where}.{name}")
    return tuple(sorted((name, value) for name, value in table.items() if isinstance(value, str | int | float | bool)))


def _checked(resource: Resource, where: str) -> Resource:
    names = [*COMMON_COLUMNS, *(entry.name for entry in resource.fields)]
    if len(set(names)) != len(names) or len(names) > FIELDS_MAX:
        raise BundleError(f"{where}.fields refused: names must differ from each other and from {', '.join(COMMON_COLUMNS)}")
    known = set(names)
    for group, used in (("skeleton", resource.skeleton), ("specimen", [name for name, _ in resource.specimen + resource.specimen_listed])):
        unknown = sorted(set(used) - known)
        if unknown:
            raise BundleError(f"{where}.{group} refused: no field {unknown[0]!r} in {resource.code}")
    if resource.code in resource.lineage or len(resource.lineage) > LINEAGE_MAX:
        raise BundleError(f"{where}.lineage refused: at most {LINEAGE_MAX} resources, and not {resource.code} itself")
    if resource.quality:
        resource.quality.check_fits({entry.name: entry.type for entry in resource.fields}, schema(resource), f"{where}.quality")
    return resource

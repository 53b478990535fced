"""Who is in the demo: the five nodes, and fictitious residents and enterprises from a fixed seed.

Owns the data alone. Nobody in it can be a living person: birth years end in 1850, phone numbers begin with 100, and the names are drawn
from two lists. Called by the rest of the demo.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sync.model import Level

SEED = 3702


@dataclass(frozen=True, slots=True)
class Place:
    """One node of the demo; its id is also the name of its folder."""

    id: str
    level: Level
    territory: str
    name: str


PROVINCE = Place("shandong", Level.PROVINCIAL, "37", "山东省")
CITY = Place("qingdao", Level.MUNICIPAL, "3702", "青岛市")
DISTRICT = Place("qd-shinan", Level.DISTRICT, "370202", "市南区")
STREET = Place("qd-xianggang", Level.STREET, "370202001", "香港中路街道")
GRID = Place("qd-wusi-01", Level.GRID, "370202001012001", "五四广场第一网格")
CHAIN = (PROVINCE, CITY, DISTRICT, STREET, GRID)
"""The tree, each node the parent of the next."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one resource as `put` takes them."""

    resource: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


PROTECTED = "受保护人员"
"""The category that the demonstration entry of the negative list is about."""
PROTECTED_COUNT = 3
GROUPS = (
    ("370202001001", 1800, 4),
    ("370202001001", 1810, 11),
    ("370202001001", 1820, 12),
    ("370202001001", 1830, 11),
    ("370202001012", 1820, 12),
    ("370202001012", 1840, 11),
)
"""Community, first year of the decade, people in it. The group of four is too small to be shown as a total."""

SHOWN = GROUPS[0][2] + GROUPS[1][2]
"""Index of the resident that the demo shows: the first of the third group, which is large enough for a total."""

_SURNAMES = "周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔"
_GIVEN = "德文明远景和守义怀安承志秀兰玉珍惠芳静雅"
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


def residents() -> Table:
    """The fictitious residents of the street, the protected ones last."""
    rng = Random(SEED)  # noqa: S311 - fictitious people, not keys
    homes = [(place, decade + rng.randrange(10)) for place, decade, count in GROUPS for _ in range(count)]
    rows = [_resident(number, place, year, "常住", rng) for number, (place, year) in enumerate(homes)]
    hidden = [_resident(len(rows) + number, GROUPS[-1][0], 1830 + number, PROTECTED, rng) for number in range(PROTECTED_COUNT)]
    columns = ("territory", "resident_id", "name", "id_number", "phone", "birth_year", "category")
    return Table("residents", columns, tuple(rows + hidden))


def _resident(number: int, place: str, year: int, category: str, rng: Random) -> tuple[str | int, ...]:
    name = rng.choice(_SURNAMES) + "".join(rng.sample(_GIVEN, 2))
    body = f"{DISTRICT.territory}{year}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}{number:03d}"
    check = _ID_CHECKS[sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True)) % 11]
    # The last two digits of the phone number tell two masked residents apart.
    return place, f"demo-{number:04d}", name, body + check, f"100{rng.randrange(10**6):06d}{number:02d}", year, category


ENTERPRISE_STREETS = ("370202001", "370202002", "370202005", "370203001", "370203003", "370212001", "370212004")
"""Streets of three districts: 370202 is the demo's own, 370203 and 370212 are its neighbours."""
ENTERPRISES_PER_STREET = 6
_TRADES = (("海产", "批发"), ("茶叶", "零售"), ("帆船", "制造"), ("书店", "零售"), ("旅社", "住宿"), ("印刷", "制造"))


def enterprises() -> Table:
    """The fictitious enterprises that the city holds for three districts."""
    rows = tuple(
        (street, f"91370200DEMO{index:02d}{number:02d}0X", f"样例{street[-3:]}{word}{number + 1}号", trade, "存续")
        for index, street in enumerate(ENTERPRISE_STREETS)
        for number, (word, trade) in enumerate(_TRADES[:ENTERPRISES_PER_STREET])
    )
    return Table("enterprises", ("territory", "credit_code", "name", "industry", "status"), rows)

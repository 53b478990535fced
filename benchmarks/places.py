"""What stands where in pictures of real clips, by eye, and whether what a detector reports is there.

Owns the reading of tests/ground_truth/places_*.json and the judgement of docs/model-card.md. Pure. Called by model_card.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

Box = tuple[float, float, float, float]

SIDE_FACTOR = 2.0
"""The longer side of a right box is at most so many times longer or shorter than that of the thing."""
REGION_SLACK = 0.05
"""Share of the height by which a box may reach into the region that was looked at without being judged."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One person, vehicle or two-wheeler: the centre and the longer side of its visible part, in pixels."""

    kind: str
    x: float
    y: float
    side: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The things in the annotated pictures of a clip, by picture number or file name."""

    clip: str
    pictures: dict[str, tuple[Thing, ...]]
    optional: dict[str, tuple[Thing, ...]]
    """Things that count neither when they are found nor when they are not: hardly visible ones, riders seen as persons, parked ones."""
    region_top: float
    """Share of the height above which nothing was annotated."""

    @property
    def is_empty(self) -> bool:
        """No picture shows anything that is to be found."""
        return not any(self.pictures.values())


@dataclass(frozen=True, slots=True)
class Reported:
    """Something a detector reports in a picture; `id` is its event's."""

    kind: str
    box: Box
    id: int


@dataclass(slots=True)
class Judged:
    """What one picture showed of a detector: things found and missed, ids of reports that are right and that are wrong."""

    found: int = 0
    missed: int = 0
    right: set[int] = field(default_factory=set)
    wrong: set[int] = field(default_factory=set)


def read_places(path: Path) -> Places:
    """The places of one file."""
    values = json.loads(path.read_text("utf-8"))
    always = _things(values.get("always", ()))
    optional = {key: _things(rows) for key, rows in values.get("optional", {}).items()}
    pictures = {key: _things(rows) for key, rows in values["pictures"].items()}
    return Places(
        clip=values["clip"],
        pictures=pictures,
        optional={key: (*always, *optional.get(key, ())) for key in pictures},
        region_top=values.get("region_top", 0.0),
    )


def _things(rows: Sequence[Sequence[object]]) -> tuple[Thing, ...]:
    return tuple(Thing(str(kind), float(str(x)), float(str(y)), float(str(side))) for kind, x, y, side in rows)


def judge(reports: Sequence[Reported], places: Places, picture: str, size: tuple[int, int]) -> Judged:
    """Pair reports with things, the nearest first, one to one. `size` is the picture's width and height."""
    things, optional = places.pictures[picture], places.optional[picture]
    cut = [Reported(one.kind, _cut(one.box, size), one.id) for one in reports]
    pairs = sorted(
        (_distance(one, thing), index, number) for index, one in enumerate(cut) for number, thing in enumerate(things) if fits(one, thing)
    )
    judged, taken, paired = Judged(), set[int](), set[int]()
    for _, index, number in pairs:
        if index not in paired and number not in taken:
            paired.add(index)
            taken.add(number)
            judged.right.add(cut[index].id)
    judged.found, judged.missed = len(taken), len(things) - len(taken)
    top = (places.region_top + REGION_SLACK) * size[1] if places.region_top else 0.0
    for index, one in enumerate(cut):
        if index not in paired and one.box[3] > top and not any(fits(one, thing) for thing in optional):
            judged.wrong.add(one.id)
    return judged


def fits(report: Reported, thing: Thing) -> bool:
    """The same kind, the thing's centre inside the box, and a longer side of about its length."""
    x1, y1, x2, y2 = report.box
    side = max(x2 - x1, y2 - y1)
    alike = report.kind == thing.kind and thing.side / SIDE_FACTOR <= side <= thing.side * SIDE_FACTOR
    return alike and x1 <= thing.x <= x2 and y1 <= thing.y <= y2


def _cut(box: Box, size: tuple[int, int]) -> Box:
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(size[0])), min(box[3], float(size[1]))


def _distance(report: Reported, thing: Thing) -> float:
    x1, y1, x2, y2 = report.box
    return abs((x1 + x2) / 2 - thing.x) + abs((y1 + y2) / 2 - thing.y)

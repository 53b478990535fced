"""A camera with a rule entered, changed or taken out: what `yunnao camera zone` does, by words or by its page. Pure.

Owns that options of a rule which are not said stay as they were. Called by node/verbs/camera_zone.py and zone_page.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from node.cameras.errors import CameraRefused
from node.cameras.grid import Points, has_extent
from node.config.model import CameraEntry, RuleEntry
from node.misfit import misfit


def with_rule(camera: CameraEntry, name: str, kind: str, points: Points, classes: Sequence[str]) -> CameraEntry:
    """The camera with a rule of that name and place; a kind of "" is the one the rule has. Raises CameraRefused."""
    if not name.strip():
        raise CameraRefused("a rule without a name refused: name it after what it is for")
    before = next((rule for rule in camera.rule if rule.name == name), None)
    facts: dict[str, object] = {"name": name, "kind": kind, "points": points}
    if classes:
        facts["classes"] = list(classes)
    try:
        rule = msgspec.convert(facts, RuleEntry)
    except msgspec.ValidationError as error:
        raise CameraRefused(f"rule {name!r} refused: {misfit(error, RuleEntry)}") from None
    if not has_extent(points):
        raise CameraRefused(f"the place of rule {name!r} refused: its corners are one point or lie on one line, so nothing can be in it")
    if before is not None:
        rule = msgspec.structs.replace(before, kind=rule.kind or before.kind, points=points, classes=rule.classes or before.classes)
    elif not rule.kind:
        raise CameraRefused(f"rule {name!r} is new: say what it watches for")
    return msgspec.structs.replace(camera, rule=[*(each for each in camera.rule if each.name != name), rule])


def without_rule(camera: CameraEntry, name: str) -> CameraEntry:
    """The camera without a rule. Raises CameraRefused."""
    if name not in {rule.name for rule in camera.rule}:
        raise CameraRefused(f"camera {camera.id!r} has no rule {name!r}: {', '.join(rule.name for rule in camera.rule) or 'none'}")
    return msgspec.structs.replace(camera, rule=[rule for rule in camera.rule if rule.name != name])

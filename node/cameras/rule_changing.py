"""One number or list of a rule changed: what a person takes over from a suggestion about false alarms. Pure.

Owns which keys may be changed so: those that a suggestion names. Called by host.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from node.cameras.errors import CameraRefused
from node.config.model import CameraEntry, RuleEntry
from node.misfit import misfit

ChangedKey = Literal["score_min", "frames_min", "dwell_s", "leave_out", "schedule", "cooldown_s"]
CHANGED_KEYS = get_args(ChangedKey)
_LIKE: Mapping[str, str] = {
    "score_min": "0.5", "frames_min": "5", "dwell_s": "30.0", "leave_out": "[[[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]]",
    "schedule": '["daily 22:00-06:00"]', "cooldown_s": "60.0",
}  # fmt: skip


def with_change(camera: CameraEntry, rule: str, key: ChangedKey, then: str) -> CameraEntry:
    """The camera whose rule `rule` has `key = then`, as TOML. Raises CameraRefused, naming what is wrong."""
    before = next((each for each in camera.rule if each.name == rule), None)
    if before is None:
        raise CameraRefused(f"camera {camera.id!r} has no rule {rule!r}: {', '.join(each.name for each in camera.rule) or 'none'}")
    try:
        told = tomllib.loads(f"{key} = {then}")
        if set(told) != {key}:
            raise ValueError("more than one value")
        said = {name: value for name, value in msgspec.to_builtins(before).items() if value is not None}
        changed = msgspec.convert(said | told, RuleEntry)
    except msgspec.ValidationError as error:
        raise CameraRefused(f"{key} = {then[:80]} of rule {rule!r} refused: {misfit(error, RuleEntry)}") from None
    except (ValueError, RecursionError):
        raise CameraRefused(f"{key} = {then[:80]} of rule {rule!r} refused: write one value of TOML, such as {_LIKE[key]}") from None
    return msgspec.structs.replace(camera, rule=[changed if each.name == rule else each for each in camera.rule])

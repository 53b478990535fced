"""A rule of node.toml as its worker needs it: the preset's values, then those that the rule gives itself.

Called by the configuration's checks, and when the workers' descriptions are made.
"""

from __future__ import annotations

import msgspec

from edge_ai.errors import SpecError
from edge_ai.ground import GroundSpec
from edge_ai.presets import preset_named, presets
from edge_ai.rule_spec import RuleKind, RuleSpec
from node.config.model import GroundEntry, RuleEntry

NOT_OF_THE_RULE = frozenset({"preset", "kind"})
KIND_SEVERITY = {
    "zone": 2, "dwell": 3, "count": 3, "crowding": 3, "absence": 2, "left-object": 2, "speed": 2, "wrong-way": 3, "level": 4,
}  # fmt: skip
"""Severity 1 (low) to 4 of the incident that a rule of this kind opens; a line crossing is a fact, not an incident."""


def rule_spec(entry: RuleEntry) -> RuleSpec:
    """The rule; raises SpecError when preset and values make none."""
    preset = preset_named(entry.preset) if entry.preset else None
    if preset is None and not entry.kind:
        raise SpecError(f"rule {entry.name!r} has neither kind nor preset: give one of {', '.join(kind.value for kind in RuleKind)}")
    if preset is not None and entry.kind and entry.kind != preset.kind.value:
        raise SpecError(f"rule {entry.name!r} says kind {entry.kind}, its preset {entry.preset} is {preset.kind.value}: leave kind out")
    values: dict[str, object] = {} if preset is None else dict(preset.rule)
    for each in msgspec.structs.fields(entry):
        value = getattr(entry, each.name)
        if value is not None and each.name not in NOT_OF_THE_RULE:
            values[each.name] = _frozen(value)
    values["kind"] = preset.kind if preset is not None else RuleKind(entry.kind)
    return RuleSpec(**values)  # type: ignore[arg-type] # names and types are those of RuleEntry, which msgspec has checked


def _frozen(value: object) -> object:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def watches(entry: RuleEntry) -> str:
    """What stands for the rule in `severities`: its preset, else its kind."""
    return entry.preset or entry.kind


def severities() -> dict[str, int]:
    """Severity of the incident by kind and by preset; what is not there opens none."""
    return KIND_SEVERITY | {name: preset.severity for name, preset in presets().items() if preset.severity}


def ground_spec(entry: GroundEntry) -> GroundSpec | None:
    """The ground plane, None where nothing is said of it. Raises SpecError."""
    if not (entry.size_m or entry.picture or entry.metres):
        return None
    return GroundSpec(size_m=tuple(entry.size_m), picture=tuple(entry.picture), metres=tuple(entry.metres))

"""All rules of one camera, their open events, and their memory over restarts.

An event that begins is noted with the row that told it; it ends exactly once, also when the worker died in between. Called by
edge_ai/analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_ai.condition import Values
from edge_ai.errors import AlgorithmError, SpecError
from edge_ai.ground import Ground
from edge_ai.picture import Pixels
from edge_ai.reasons import reason
from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules.memory import Kept, KeptStay, OpenEvent, PlaceFile
from edge_ai.rules.outcome import Begun, Ended, RuleOutcome
from edge_ai.rules.rule import Rule
from edge_ai.rules.stage import SecondLook, SecondStage
from edge_ai.spec import CameraSpec
from edge_ai.tracking.tracker import Track
from edge_ai.wire.events import EventRow
from sync.model import Instant

REFRESH_S = 60.0
"""Seconds after which how long things have stayed is written again although nothing began or ended."""


class RuleBook:
    """The rules of `camera`. Without `folder` nothing survives a restart. `stages` are the second stages by name.

    Raises AlgorithmError when a rule can never hold: none of its classes is known, or its second stage is not installed.
    """

    def __init__(
        self,
        camera: CameraSpec,
        classes: Sequence[str],
        *,
        folder: Path | None = None,
        values: Values | None = None,
        stages: Mapping[str, SecondStage] | None = None,
    ) -> None:
        self._rules = {spec.name: _rule(spec, camera, classes, values) for spec in camera.rules}
        self._looks = _looks(camera, stages or {})
        self._file = None if folder is None else PlaceFile(folder, camera.id)
        self._open: dict[tuple[str, str], EventRow] = {}
        self._orphans: list[Ended] = []
        self._changed = False
        self._saved_at: Instant | None = None
        self._now: Instant | None = None
        self._restore()

    @property
    def trouble(self) -> str:
        """A second stage that fails, or what was wrong with the memory of before; empty when nothing is."""
        troubles = [look.trouble for look in self._looks.values()] + ([] if self._file is None else [self._file.trouble])
        return next((trouble for trouble in troubles if trouble), "")

    def update(
        self,
        tracks: Sequence[Track],
        alive: frozenset[int],
        size: tuple[int, int],
        now: Instant,
        *,
        wall_us: int,
        pixels: Pixels | None = None,
    ) -> list[RuleOutcome]:
        """What begins and ends with the tracks of one analysed picture, over all rules."""
        self._now = now
        outcomes: list[RuleOutcome] = list(self._orphans)
        self._orphans.clear()
        for name, rule in self._rules.items():
            look = self._looks.get(name)
            counted = tracks if look is None or pixels is None else look.confirmed(tracks, alive, pixels, now)
            outcomes += rule.update(counted, alive, size, now, wall_us=wall_us, pixels=pixels)
        return outcomes

    def opened(self, begun: Begun, row: EventRow) -> None:
        """The event of `begun` goes out as `row`; call for those that do not end at once."""
        self._open[begun.rule, begun.place] = row
        self._changed = True

    def closed(self, ended: Ended) -> EventRow | None:
        """The row that told the beginning of what has ended; None when no event was told, so that no end is."""
        row = self._open.pop((ended.rule, ended.place), None)
        self._changed = self._changed or row is not None
        return row

    def save(self) -> None:
        """Put on the disk what a restart must know, if it changed; call when the messages are safe. Raises EvidenceError."""
        if self._file is None or not (self._changed or self._is_due()):
            return
        opened = tuple(OpenEvent(rule, place, row) for (rule, place), row in self._open.items())
        stays = tuple(KeptStay(name, stay) for name, rule in self._rules.items() for stay in rule.stays)
        self._file.save(Kept(open=opened, stays=stays))
        self._changed, self._saved_at = False, self._now

    def _is_due(self) -> bool:
        if self._now is None or not any(rule.stays for rule in self._rules.values()):
            return False
        return self._saved_at is None or self._now.seconds_since(self._saved_at) >= REFRESH_S

    def _restore(self) -> None:
        """What stays is held for its track; what cannot be seen again, or is no rule any more, ends with the first picture."""
        if self._file is None:
            return
        kept = self._file.load()
        self._open = {(event.rule, event.place): event.row for event in kept.open}
        still_open: set[tuple[str, str]] = set()
        for name, rule in self._rules.items():
            stays = [each.stay for each in kept.stays if each.rule == name]
            for stay in stays:
                stay.place = stay.place if (name, stay.place) in self._open else ""
            if rule.adopt(stays):
                still_open |= {(name, stay.place) for stay in stays if stay.place}
        self._orphans = [Ended(rule, place) for rule, place in self._open if (rule, place) not in still_open]


def _rule(spec: RuleSpec, camera: CameraSpec, classes: Sequence[str], values: Values | None) -> Rule:
    if spec.classes and not set(spec.classes) & set(classes) and spec.kind is not RuleKind.LEVEL:
        raise AlgorithmError(
            reason(
                "rule-other-classes",
                rule=repr(spec.name),
                camera=camera.id,
                wanted=", ".join(spec.classes[:8]),
                algorithm=camera.algorithm,
                found=", ".join(classes[:12]),
            )
        )
    ground = None if camera.ground is None else Ground(camera.ground)
    try:
        return Rule(spec, classes, ground=ground, values=values, utc_offset_minutes=camera.utc_offset_minutes)
    except SpecError as error:
        raise AlgorithmError(reason("of-camera", camera=camera.id, what=error)) from error


def _looks(camera: CameraSpec, stages: Mapping[str, SecondStage]) -> dict[str, SecondLook]:
    looks: dict[str, SecondLook] = {}
    for spec in camera.rules:
        if not spec.second_stage:
            continue
        if spec.second_stage not in stages:
            raise AlgorithmError(reason("stage-absent", rule=repr(spec.name), camera=camera.id, stage=repr(spec.second_stage)))
        if spec.second_class not in stages[spec.second_stage].classes:
            raise AlgorithmError(
                reason(
                    "stage-other-classes",
                    rule=repr(spec.name),
                    camera=camera.id,
                    wanted=repr(spec.second_class),
                    stage=spec.second_stage,
                    found=", ".join(stages[spec.second_stage].classes[:12]),
                )
            )
        looks[spec.name] = SecondLook(stages[spec.second_stage], spec.second_class)
    return looks

"""The incidents of a node put together from its parts. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial

from node.assembly import Parts
from node.audit.entry import TEXT_CHARS_MAX, Detail
from node.audit.words import AuditKind
from node.cases.desk import CaseDesk
from node.incidents.book import FILE_NAME, IncidentBook, Known
from node.incidents.desk import BY_ITSELF, DAY_US, IncidentDesk
from node.incidents.errors import IncidentBookDamaged
from node.incidents.events import EventShelf
from node.incidents.following import Following
from node.incidents.rows import INCIDENTS
from node.incidents.step_desk import StepDesk
from node.ingest.handing_in import HandingIn
from node.sealed.places import is_foster_parent
from node.sensor_alarms.desk import SensorDesk
from node.store.side_file import open_or_begin_anew
from policies.entry import CLOCK_UNSURE_US

LOSS = "incidents are read from the journal again; what was said of events that opened none is lost"
OF_SENSORS = "sensor-"
"""What the rule of an incident begins with that a sensor opened."""


def following_of(parts: Parts) -> Following:
    """What reads the journal into the book; raises IncidentFault when the book cannot be opened now."""
    book = open_or_begin_anew(parts.config.data_dir / FILE_NAME, IncidentBook, damaged=IncidentBookDamaged, loss=LOSS)
    return Following(book, parts.journal, parts.me.node)


def incidents_of(
    parts: Parts, following: Following, handing_in: HandingIn, sensors: SensorDesk, rule_kinds: Mapping[tuple[str, str], str]
) -> IncidentDesk:
    """The desk; `rule_kinds` are the rules that cameras have now."""
    return IncidentDesk(
        me=parts.me.node,
        following=following,
        resources=lambda: parts.policy.ruleset.resources,
        hand_in=handing_in.store,
        is_over=partial(_is_over, EventShelf(following.book), sensors, rule_kinds),
        note_expired=lambda detail: parts.audit.note(AuditKind.OPERATOR, INCIDENTS, by=BY_ITSELF, detail=detail),
        clock=parts.clock,
        is_clock_sure=lambda: parts.runtime.engine.clock.uncertainty_us <= CLOCK_UNSURE_US,
        expire_us=parts.config.file.incidents.expire_days * DAY_US,
    )


def steps_of(parts: Parts, incidents: IncidentDesk, cases: CaseDesk) -> StepDesk:
    """The desk of the steps that travel between this node and others."""
    above = _above(parts)

    def territory_below(node: str) -> str:
        status = parts.directory.below(node)
        return "" if status is None else status.territory

    def note_taken(about: str, by: str, detail: Detail) -> Awaitable[int]:
        return parts.audit.note(AuditKind.OPERATOR, about, by=by[:TEXT_CHARS_MAX], detail=detail)

    return StepDesk(
        incidents=incidents,
        cases=cases,
        territory_below=territory_below,
        above=lambda: above,
        note_taken=note_taken,
        clock=parts.clock,
        is_clock_sure=incidents.is_clock_sure,
    )


def _above(parts: Parts) -> frozenset[str]:
    """The nodes whose territory contains this one's: those that certify it, and those it is attached below but for a foster parent."""
    own, parent = parts.attachments.own.path, parts.parent
    if parent is None or is_foster_parent(parent.territory.code, parts.me.territory):
        return frozenset(own) - {parts.me.node}
    return frozenset((*own, *parent.path, parent.node)) - {parts.me.node}


def _is_over(events: EventShelf, sensors: SensorDesk, rule_kinds: Mapping[tuple[str, str], str], known: Known) -> bool:
    """An event is over when its end was told, or its rule is no more and nobody can tell it; an alarm when it holds no longer."""
    if known.class_.startswith(OF_SENSORS):
        return not sensors.holds(known.event_id)
    event = events.find(known.event_id)
    return event is not None and (event.ended_us is not None or (event.camera, event.rule) not in rule_kinds)

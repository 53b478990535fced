"""SUBSCRIBE and UNSUBSCRIBE: what a session may hear, decided by the source of its messages. Called by connection.py."""

from __future__ import annotations

from dataclasses import dataclass, replace

from node.ingest.mqtt.packets import Filter, Granted, Subscribe, Unsubscribe
from node.ingest.mqtt.session import Session
from node.ingest.mqtt.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What became of a SUBSCRIBE."""

    granted: tuple[Granted, ...]
    """The answer to each filter."""
    taken: tuple[tuple[Filter, bool], ...]
    """Filters that stand in the session now, and whether each is new there."""


def subscribe(sessions: Sessions, session: Session, packet: Subscribe) -> Subscribed:
    """Put what is granted into `session`, which the journal keeps if it lasts."""
    granted: list[Granted] = []
    taken: list[tuple[Filter, bool]] = []
    for wanted in packet.filters:
        grant = sessions.source.grant(session, wanted)
        granted.append(grant)
        if grant.value <= Granted.QOS_2.value:
            each = replace(wanted, qos=grant.value)
            taken.append((each, wanted.pattern not in session.filters))
            session.filters[wanted.pattern] = each
    if taken and session.expiry_s:
        sessions.changed(session)
    return Subscribed(tuple(granted), tuple(taken))


def unsubscribe(sessions: Sessions, session: Session, packet: Unsubscribe) -> list[bool]:
    """Take filters out of `session`; which of them were there."""
    were_there = [session.filters.pop(pattern, None) is not None for pattern in packet.filters]
    if any(were_there) and session.expiry_s:
        sessions.changed(session)
    return were_there

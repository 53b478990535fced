"""This node's own camera events with what people said of them: true, false, or nothing yet.

What is said of an incident (resolved, dismissed) is said of its event; of an event that opens none it stands in the event's own row. Tables
are those of book.py. Called by following.py and desk.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.incidents.book import NAME_CHARS_MIN, IncidentBook, set_mark
from node.incidents.states import DISMISSED, RESOLVED, Verdict

EVENTS_MAX = 200_000
"""Events remembered; the oldest are forgotten first."""
NAMES_AT_ONCE = 500
LISTED_MAX = 2_000
"""Newest events of one rule that a suggestion is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvent:
    """A camera event of this node."""

    event_id: str
    camera: str
    rule: str
    label: str
    algorithm: str
    score: float
    at_us: int
    ended_us: int | None
    """None while it goes on."""
    place: str
    verdict: Verdict = Verdict.NONE


@dataclass(frozen=True, slots=True)
class Count:
    """How often a rule of a camera was right, wrong, or not judged."""

    camera: str
    rule: str
    true: int
    false: int
    unjudged: int
    last_us: int = 0
    """When its newest event began."""


_VERDICT = f"""CASE i.state WHEN '{RESOLVED}' THEN 'true' WHEN '{DISMISSED}' THEN 'false' ELSE e.verdict END"""
_FROM = "FROM event e LEFT JOIN incident i ON i.event_id = e.event_id"
_COLUMNS = f"e.event_id, e.camera, e.rule, e.label, e.algorithm, e.score, e.at_us, e.ended_us, e.place, {_VERDICT}"


class EventShelf:
    """The events in a book."""

    def __init__(self, book: IncidentBook) -> None:
        self._book = book

    def take(self, told: Sequence[SeenEvent], upto: int) -> None:
        """Enter beginnings and ends in the order of the journal; an end is a second row of its event. Raises IncidentFault."""
        with self._book.transaction() as db:
            for each in told:
                db.execute(
                    """INSERT INTO event (event_id, camera, rule, label, algorithm, score, at_us, ended_us, place, verdict)
                       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '')
                       ON CONFLICT (event_id) DO UPDATE SET ended_us = coalesce(excluded.ended_us, ended_us)""",
                    (
                        *(each.event_id, each.camera, each.rule, each.label, each.algorithm),
                        *(each.score, each.at_us, each.ended_us, each.place),
                    ),
                )
            set_mark(db, "events", upto)
            surplus = db.execute("SELECT count(*) FROM event").fetchone()[0] - EVENTS_MAX if told else 0
            if surplus > 0:
                db.execute("DELETE FROM event WHERE event_id IN (SELECT event_id FROM event ORDER BY at_us LIMIT ?)", (surplus,))

    def find(self, name: str) -> SeenEvent | None:
        """By id; a beginning of 8 characters is enough where it is one's alone."""
        query = f"SELECT {_COLUMNS} {_FROM} WHERE e.event_id >= ? AND e.event_id < ? ORDER BY e.event_id LIMIT 2"
        with self._book.transaction() as db:
            rows = db.execute(query, (name, name + "\U0010ffff")).fetchall() if len(name) >= NAME_CHARS_MIN else []
        return _seen(rows[0]) if len(rows) == 1 or (rows and rows[0][0] == name) else None

    def judge(self, event_id: str, verdict: Verdict) -> None:
        """Keep what a person said of an event that opened no incident, durably."""
        with self._book.transaction() as db:
            db.execute("UPDATE event SET verdict = ? WHERE event_id = ?", (verdict.value, event_id))

    def verdicts(self, event_ids: Sequence[str]) -> dict[str, Verdict]:
        """What is said of these events, of whatever node: of its incident, else of the event itself; those nobody spoke of are left out."""
        found: dict[str, Verdict] = {}
        with self._book.transaction() as db:
            for start in range(0, len(event_ids), NAMES_AT_ONCE):
                names = event_ids[start : start + NAMES_AT_ONCE]
                places = ", ".join("?" * len(names))
                said = f"SELECT event_id, verdict FROM event WHERE verdict != '' AND event_id IN ({places})"
                closed = f"""SELECT event_id, CASE state WHEN '{RESOLVED}' THEN 'true' ELSE 'false' END FROM incident
                             WHERE state IN ('{RESOLVED}', '{DISMISSED}') AND event_id IN ({places})"""
                for query in (said, closed):
                    found |= {str(row[0]): Verdict(str(row[1])) for row in db.execute(query, names)}
        return found

    def counts(self, since_us: int) -> list[Count]:
        """By camera and rule, of events since a time."""
        sums = ", ".join(f"sum(v = '{verdict}')" for verdict in ("true", "false", ""))
        query = f"""SELECT camera, rule, {sums}, max(at_us) FROM (
                    SELECT e.camera AS camera, e.rule AS rule, e.at_us AS at_us, {_VERDICT} AS v {_FROM} WHERE e.at_us >= ?)
                    GROUP BY camera, rule ORDER BY camera, rule"""
        with self._book.transaction() as db:
            rows = db.execute(query, (since_us,)).fetchall()
        return [Count(str(row[0]), str(row[1]), *(int(count) for count in row[2:])) for row in rows]

    def of_rule(self, camera: str, rule: str, since_us: int) -> list[SeenEvent]:
        """The newest events of a rule since a time, oldest first."""
        query = f"SELECT {_COLUMNS} {_FROM} WHERE e.camera = ? AND e.rule = ? AND e.at_us >= ? ORDER BY e.at_us DESC LIMIT ?"
        with self._book.transaction() as db:
            rows = db.execute(query, (camera, rule, since_us, LISTED_MAX)).fetchall()
        return [_seen(row) for row in reversed(rows)]


def _seen(row: Sequence[object]) -> SeenEvent:
    names = ("event_id", "camera", "rule", "label", "algorithm", "score", "at_us", "ended_us", "place")
    named = dict(zip(names, row[:-1], strict=True))
    return SeenEvent(**named, verdict=Verdict(str(row[-1])))  # type: ignore[arg-type]

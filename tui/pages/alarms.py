"""Alarms of sensors that hold: how they stand in a list, and one of them whole.

Those of this node are its own watch's; those of nodes below are what their records say. Called by the pages of devices and incidents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from node.sensor_alarms.words import why
from tui.answers import SensorAlarm
from tui.desk import Desk
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.questions import ALARMS, ALARMS_BELOW
from tui.widgets.table import Column, Row, rest_of

MICROSECONDS = 1_000_000


def all_alarms(desk: Desk) -> list[SensorAlarm]:
    """Every alarm that holds here and below, the gravest first, then the newest."""
    own, below = desk.seen(ALARMS).value, desk.seen(ALARMS_BELOW).value
    found = [*(own.holding if own else []), *(below.holding if below else [])]
    return sorted(found, key=lambda alarm: (-alarm.severity, -(alarm.time_us or 0)))


def alarms_by_device(desk: Desk) -> dict[str, list[SensorAlarm]]:
    """The alarms of this node's own devices, by device."""
    found: dict[str, list[SensorAlarm]] = {}
    for alarm in all_alarms(desk):
        if not alarm.node:
            found.setdefault(alarm.device, []).append(alarm)
    return found


def alarm_of(desk: Desk, alarm_id: str) -> SensorAlarm | None:
    """The alarm of that id while it holds."""
    return next((alarm for alarm in all_alarms(desk) if alarm.id == alarm_id), None)


def alarm_style(desk: Desk, alarms: Sequence[SensorAlarm]) -> str:
    """Red for what somebody must look at, yellow for what is only unusual."""
    return desk.palette.fail if any(alarm.severity for alarm in alarms) else desk.palette.warn


def alarm_sentence(desk: Desk, alarm: SensorAlarm) -> str:
    """What raised an alarm."""
    return why(alarm.kind, alarm.value, alarm.facts, desk.words.language)


def alarm_columns(desk: Desk, cells: int) -> Sequence[Column]:
    """Node, device and reason share what the others leave."""
    words = desk.words
    first = (Column(words("column_age"), 5, right=True), Column(words("column_alarm"), 10))
    room = rest_of(cells, first, least=42, most=160) - 2
    node, device = room // 5, room * 3 // 10
    why_column = Column(words("column_why"), room - node - device)
    return (*first, Column(words("column_node"), node), Column(words("column_device"), device), why_column)


def alarm_row(desk: Desk, alarm: SensorAlarm) -> Row:
    """An alarm in the list: `X` where it opened an incident, `!` where it is only unusual."""
    words = desk.words
    stale = not desk.seen(ALARMS_BELOW if alarm.node else ALARMS).answered
    style = desk.palette.stale if stale else ""
    kind = Text(f"{'X' if alarm.severity else '!'} {words.term('alarm', alarm.kind)}", style=style or alarm_style(desk, [alarm]))
    node = desk.name_of(alarm.node) if alarm.node else words("return_here")
    shown = (node, alarm.device, desk.words("pair", what=alarm.quantity, said=alarm_sentence(desk, alarm)))
    age = Text(words.age(_age_s(desk, alarm)), style=style or desk.palette.text)
    search = " ".join((kind.plain, *shown, alarm.resource, alarm.territory, alarm.node))
    return Row(alarm.id, (age, kind, *(desk.value(value, style) for value in shown)), search=search[:600])


def _age_s(desk: Desk, alarm: SensorAlarm) -> float | None:
    return None if alarm.time_us is None else max(0.0, (desk.wall_us - alarm.time_us) / MICROSECONDS)


class AlarmPage(DetailPage):
    """The alarm whose id is `about`."""

    name_key: ClassVar[str] = "alarm"
    tab: ClassVar[str] = "devices"

    def questions(self) -> Sequence[Question[Struct]]:
        """What holds here."""
        return (ALARMS,)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """What holds below."""
        return (ALARMS_BELOW,)

    def node_in_focus(self) -> str | None:
        """The node whose sensor it is."""
        alarm = alarm_of(self.desk, self.about)
        return alarm.node or None if alarm else None

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the alarm; one that no longer holds is gone from the answers."""
        alarm, words = alarm_of(self.desk, self.about), self.desk.words
        if alarm is None:
            return [Text(""), *self.paragraph(words("over_alarm"), cells)]
        style = f"bold {alarm_style(self.desk, [alarm])}"
        return [
            Text(""),
            self.field("alarm", f"{'X' if alarm.severity else '!'} {words.term('alarm', alarm.kind)}", style),
            *self.paragraph(self.desk.words("pair", what=alarm.quantity, said=alarm_sentence(self.desk, alarm)), cells),
            Text(""),
            self.field("since", words.time(alarm.time_us)),
            self.field("age", words.age(_age_s(self.desk, alarm))),
            self.field("severity", words.number(alarm.severity or None)),
            self.field("device", alarm.device),
            self.field("resource", alarm.resource),
            self.field("node", self.desk.name_of(alarm.node) if alarm.node else words("return_here")),
            self.field("territory", alarm.territory or "-"),
            self.field("id", alarm.id),
        ]

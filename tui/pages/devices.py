"""Registered devices and what is known about one of them, its alarms among it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from node.sensor_alarms.words import why
from tui.answers import Device, SensorAlarm
from tui.desk import Desk, age_of
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.pages.list_page import ListPage
from tui.questions import ALARMS, DEVICES
from tui.widgets.table import Column, Row, rest_of

MINUTES = 16
"""Characters of a moment up to its minute."""
STATE = 4
"""Place of the state among the columns."""


def alarms_by_device(desk: Desk) -> dict[str, list[SensorAlarm]]:
    """The alarms that hold by device, the gravest first, then the newest."""
    seen = desk.seen(ALARMS)
    found: dict[str, list[SensorAlarm]] = {}
    for alarm in sorted(seen.value.holding if seen.value else [], key=lambda alarm: (-alarm.severity, -(alarm.time_us or 0))):
        found.setdefault(alarm.device, []).append(alarm)
    return found


def alarm_style(desk: Desk, alarms: Sequence[SensorAlarm]) -> str:
    """Red for what somebody must look at, yellow for what is only unusual."""
    return desk.palette.fail if any(alarm.severity for alarm in alarms) else desk.palette.warn


class DevicesPage(ListPage):
    """One row per device."""

    name_key: ClassVar[str] = "devices"
    tab: ClassVar[str] = "devices"
    detail: ClassVar[str] = "device"

    def questions(self) -> Sequence[Question[Struct]]:
        """The registry, and what holds."""
        return (DEVICES, ALARMS)

    def columns(self, cells: int) -> Sequence[Column]:
        """The device's name takes what the others leave."""
        words = self.desk.words
        others = (
            Column(words("column_kind"), 12),
            Column(words("column_protocol"), 8),
            Column(words("column_owner"), 10),
            Column(words("column_state"), 9),
            Column(words("column_readings"), 9, right=True),
            Column(words("column_seen"), 5, right=True),
        )
        return (Column(words("column_device"), rest_of(cells, others, least=14, most=60)), *others)

    def rows(self, cells: int) -> Sequence[Row]:
        """One row per device."""
        seen = self.desk.seen(DEVICES)
        style = "" if seen.answered else self.desk.palette.stale
        alarms = alarms_by_device(self.desk)
        return [self._row(device, seen.age_s, style, alarms.get(device.device, [])) for device in seen.value.devices] if seen.value else []

    def _row(self, device: Device, elapsed_s: float | None, style: str, alarms: Sequence[SensorAlarm]) -> Row:
        """The state gives way to an alarm: the gravest, then the newest."""
        words = self.desk.words
        state = f"! {words.term('alarm', alarms[0].kind)}" if alarms else words.term("device", device.state)
        shown = (
            device.device,
            words.term("kind", device.kind),
            device.protocol,
            device.owner,
            state,
            words.number(device.readings),
            words.age(age_of(device.age_s, elapsed_s)),
        )
        styles = [style] * len(shown)
        styles[STATE] = alarm_style(self.desk, alarms) if alarms and not style else style
        return Row(
            device.device,
            tuple(self.cell(value, each) for value, each in zip(shown, styles, strict=True)),
            search=" ".join((*shown[:5], device.kind, device.state))[:600],
        )


class DevicePage(DetailPage):
    """The device whose name is `about`."""

    name_key: ClassVar[str] = "device"
    tab: ClassVar[str] = "devices"

    def questions(self) -> Sequence[Question[Struct]]:
        """The registry, and what holds."""
        return (DEVICES, ALARMS)

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the device."""
        seen, words = self.desk.seen(DEVICES), self.desk.words
        found = [device for device in seen.value.devices if device.device == self.about] if seen.value else []
        if not found:
            return self.missing()
        device = found[0]
        return [
            Text(""),
            self.field("name", device.device, f"bold {self.desk.palette.accent}"),
            self.field("kind", words.term("kind", device.kind)),
            self.field("protocol", device.protocol or "-"),
            self.field("owner", device.owner or "-"),
            self.field("state", words.term("device", device.state)),
            self.field("readings", words.number(device.readings)),
            self.field("seen", words.age(age_of(device.age_s, seen.age_s))),
            *self._alarms(device.device, cells),
        ]

    def _alarms(self, device: str, cells: int) -> Sequence[Text]:
        alarms = alarms_by_device(self.desk).get(device, [])
        if not alarms:
            return []
        lines = [Text(""), Text(f" {self.desk.words('device_alarms')}", style=self.desk.palette.accent)]
        for alarm in alarms:
            sentence = why(alarm.kind, alarm.value, alarm.facts, self.desk.words.language)
            said = f"! {self.desk.words.time(alarm.time_us)[:MINUTES]} {alarm.quantity}: {sentence}"
            lines += self.paragraph(said, cells, style=alarm_style(self.desk, [alarm]))
        return lines

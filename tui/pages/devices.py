"""Registered devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from node.sensor_alarms.words import why
from tui.answers import Device, SensorAlarm
from tui.desk import Desk, age_of
from tui.feed import Question
from tui.pages.list_page import ListPage
from tui.questions import ALARMS, DEVICES
from tui.widgets.table import Column, Row, rest_of

STATE = 3
"""Place of the state among the columns."""
SILENT = "silent"


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


def state_word(desk: Desk, device: Device) -> str:
    """Whether it is let in; of one that is, whether it is silent."""
    return desk.words.term("device", SILENT if device.silent_s is not None else device.state)


def battery_word(desk: Desk, device: Device) -> str:
    """Per cent; `-` for a device that never told."""
    return f"{desk.words.number(device.battery)}%" if device.battery is not None else desk.words.number(None)


def rate_word(desk: Desk, device: Device) -> str:
    """Messages per minute, with a digit where they are few."""
    rate = device.rate
    return desk.words.number(rate, digits=1 if rate is not None and rate < 10 else 0)


def sentence(desk: Desk, alarm: SensorAlarm) -> str:
    """What raised an alarm."""
    return why(alarm.kind, alarm.value, alarm.facts, desk.words.language)


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
            Column(words("column_owner"), 10),
            Column(words("column_state"), 9),
            Column(words("column_rate"), 6, right=True),
            Column(words("column_battery"), 4, right=True),
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
        desk, words = self.desk, self.desk.words
        is_silent = device.silent_s is not None
        mark = "! " if is_silent else ""
        state = f"! {words.term('alarm', alarms[0].kind)}" if alarms else f"{mark}{state_word(desk, device)}"
        shown = (
            device.device,
            words.term("kind", device.kind),
            device.owner,
            state,
            rate_word(desk, device),
            battery_word(desk, device),
            words.age(age_of(device.age_s, elapsed_s)),
        )
        styles = [style] * len(shown)
        if (alarms or is_silent) and not style:
            styles[STATE] = alarm_style(desk, alarms)
        return Row(
            device.device,
            tuple(self.cell(value, each) for value, each in zip(shown, styles, strict=True)),
            search=" ".join((*shown[:4], device.protocol, device.kind, device.state))[:600],
        )

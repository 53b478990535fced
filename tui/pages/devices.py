"""Registered devices of this node, and the alarms of sensors that hold, of this node and of nodes below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from tui.answers import Device, SensorAlarm
from tui.desk import Desk, age_of
from tui.feed import Question
from tui.keys import SECTION_NAMES
from tui.pages.alarms import alarm_columns, alarm_row, alarm_style, alarms_by_device, all_alarms
from tui.pages.page import Go
from tui.pages.sectioned_page import SectionedPage
from tui.questions import ALARMS, ALARMS_BELOW, DEVICES
from tui.widgets.table import Column, Row, rest_of

STATE = 3
"""Place of the state among the columns."""
SILENT = "silent"
SENSORS, ALARMS_HELD = SECTION_NAMES["devices"]


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


class DevicesPage(SectionedPage):
    """One row per device, or per alarm."""

    name_key: ClassVar[str] = "devices"
    tab: ClassVar[str] = "devices"
    sections: ClassVar[tuple[str, ...]] = SECTION_NAMES["devices"]

    def questions(self) -> Sequence[Question[Struct]]:
        """The registry, and what holds."""
        return (DEVICES, ALARMS)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """What holds below; where policy shows none of it the own alarms are there all the same."""
        return (ALARMS_BELOW,)

    def node_in_focus(self) -> str | None:
        """The node of the alarm under the cursor."""
        if self.section == SENSORS:
            return None
        return next((alarm.node for alarm in all_alarms(self.desk) if alarm.id == self.table.cursor_key), "") or None

    def count_of(self, section: str) -> str:
        """Alarms that hold, with a mark where one is grave."""
        alarms = all_alarms(self.desk) if section == ALARMS_HELD else []
        mark = "!" if any(alarm.severity for alarm in alarms) else ""
        return f"{mark}{len(alarms)}" if alarms else ""

    def opens(self, key: str) -> Go:
        """A device, or an alarm."""
        return Go("device" if self.section == SENSORS else "alarm", key)

    def columns(self, cells: int) -> Sequence[Column]:
        """Those of the section; the device's name takes what the others leave."""
        if self.section == ALARMS_HELD:
            return alarm_columns(self.desk, cells)
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
        """One row per device, or per alarm."""
        if self.section == ALARMS_HELD:
            return [alarm_row(self.desk, alarm) for alarm in all_alarms(self.desk)]
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

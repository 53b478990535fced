"""Registered devices and what is known about one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import Device
from tui.desk import age_of
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.pages.list_page import ListPage
from tui.questions import DEVICES
from tui.widgets.table import Column, Row, rest_of


class DevicesPage(ListPage):
    """One row per device."""

    name_key: ClassVar[str] = "devices"
    tab: ClassVar[str] = "devices"
    detail: ClassVar[str] = "device"

    def questions(self) -> Sequence[Question[Struct]]:
        """The registry."""
        return (DEVICES,)

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
        return [self._row(device, seen.age_s, style) for device in seen.value.devices] if seen.value else []

    def _row(self, device: Device, elapsed_s: float | None, style: str) -> Row:
        words = self.desk.words
        shown = (
            device.device,
            words.term("kind", device.kind),
            device.protocol,
            device.owner,
            words.term("device", device.state),
            words.number(device.readings),
            words.age(age_of(device.age_s, elapsed_s)),
        )
        return Row(
            device.device, tuple(self.cell(value, style) for value in shown), search=" ".join((*shown[:5], device.kind, device.state))[:600]
        )


class DevicePage(DetailPage):
    """The device whose name is `about`."""

    name_key: ClassVar[str] = "device"
    tab: ClassVar[str] = "devices"

    def questions(self) -> Sequence[Question[Struct]]:
        """The registry."""
        return (DEVICES,)

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
        ]

"""One device: what is known of it, its alarms, its last values, the commands to it, and the decisions that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import Device, DeviceShown
from tui.decision import Decision
from tui.desk import age_of
from tui.feed import Question
from tui.keys import DEVICE_DECISIONS, Key
from tui.pages.alarms import alarm_sentence, alarm_style, alarms_by_device
from tui.pages.deciding_page import DecidingPage
from tui.pages.devices import battery_word, rate_word, state_word
from tui.questions import ALARMS, DEVICES, device_shown
from tui.safe import cut

MINUTES = 16
"""Characters of a moment up to its minute."""
NAME_CELLS = 40
VALUES_SHOWN, COMMANDS_SHOWN = 12, 6
TAKES: Mapping[str, frozenset[str]] = {
    "waiting": frozenset({"admit", "refuse"}),
    "admitted": frozenset({"refuse", "retire"}),
    "refused": frozenset({"admit", "retire"}),
    "retired": frozenset({"admit"}),
}
"""What may be decided about a device in each state; of a state that this console does not know, nothing."""


class DevicePage(DecidingPage):
    """The device whose name is `about`."""

    name_key: ClassVar[str] = "device"
    tab: ClassVar[str] = "devices"
    decisions: ClassVar[Sequence[Key]] = DEVICE_DECISIONS
    BINDINGS: ClassVar = [key.binding() for key in DEVICE_DECISIONS]

    def questions(self) -> Sequence[Question[Struct]]:
        """The registry, and what holds."""
        return (DEVICES, ALARMS)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """Its card, values and commands."""
        return (device_shown(self.about),)

    def _device(self) -> Device | None:
        seen = self.desk.seen(DEVICES)
        return next((device for device in seen.value.devices if device.device == self.about), None) if seen.value else None

    # ---- what is shown

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the device."""
        device = self._device()
        if device is None:
            return self.missing()
        whole = self.desk.seen(device_shown(self.about)).value
        return [
            Text(""),
            *self._head(device, cells),
            *(self._card(whole, cells) if whole else []),
            *self._alarms(device.device, cells),
            *(self._values(whole) if whole else []),
            *(self._commands(whole, cells) if whole else []),
        ]

    def _head(self, device: Device, cells: int) -> list[Text]:
        desk, words, seen = self.desk, self.desk.words, self.desk.seen(DEVICES)
        silent = f" {words.age(device.silent_s)}" if device.silent_s is not None else ""
        return [
            self.field("name", device.device, f"bold {desk.palette.accent}"),
            self.field("kind", words.term("kind", device.kind)),
            self.field("protocol", device.protocol or "-"),
            self.field("owner", device.owner or "-"),
            self.field("state", f"{state_word(desk, device)}{silent}"),
            self.field("readings", words.number(device.readings)),
            self.field("seen", words.age(age_of(device.age_s, seen.age_s))),
            self.field("rate", rate_word(desk, device)),
            *([self.field("period", words.age(device.period_s))] if device.period_s else []),
            *([self.field("battery", battery_word(desk, device))] if device.battery is not None else []),
            *([self.field("waiting_commands", words.number(device.commands))] if device.commands else []),
        ]

    def _card(self, whole: DeviceShown, cells: int) -> list[Text]:
        card = whole.device
        told = {"territory": card.territory, "profile": card.profile, "address": card.address, "installed": card.installed}
        return [line for name, value in told.items() for line in self.named(name, value, cells)]

    def _alarms(self, device: str, cells: int) -> list[Text]:
        alarms = alarms_by_device(self.desk).get(device, [])
        if not alarms:
            return []
        words = self.desk.words
        lines = [Text(""), self.heading(words("device_alarms"))]
        for alarm in alarms:
            said = words("pair", what=alarm.quantity, said=alarm_sentence(self.desk, alarm))
            lines += self.paragraph(f"! {words.time(alarm.time_us)[:MINUTES]} {said}", cells, style=alarm_style(self.desk, [alarm]))
        return lines

    def _values(self, whole: DeviceShown) -> list[Text]:
        if not whole.device.values:
            return []
        words = self.desk.words
        lines = [Text(""), self.heading(words("device_values"))]
        for quantity, last in list(whole.device.values.items())[:VALUES_SHOWN]:
            unit = f" {last.unit}" if last.unit else ""
            shown = f"{words('pair', what=quantity, said=last.value)}{unit}  ({words.age(last.age_s)})"
            lines += self.paragraph(shown, max(self.size.width, 20))
        return lines

    def _commands(self, whole: DeviceShown, cells: int) -> list[Text]:
        if not whole.commands:
            return []
        words = self.desk.words
        lines = [Text(""), self.heading(words("device_commands"))]
        for each in whole.commands[:COMMANDS_SHOWN]:
            shown = {"when": words.time(each.issued_us)[:MINUTES], "command": each.command, "by": each.by, "why": each.why}
            told = words("device_command_line", state=words.term("command_state", each.state), **shown)
            lines += self.paragraph(told.rstrip(), cells)
        return lines

    # ---- what is decided

    def decision(self, name: str) -> Decision | None:
        """The decision `name` about the device, when one in its state takes it."""
        device = self._device()
        if device is None or name not in TAKES.get(device.state, ()):
            return None
        words, shown = self.desk.words, self._brief(device.device)
        arguments: tuple[tuple[str, str | bool], ...] = (("device", device.device),)
        return Decision(
            verb="device_retire" if name == "retire" else "device_admit",
            arguments=arguments if name == "retire" else (*arguments, ("accept", name == "admit")),
            title=words(f"decide_device_title_{name}", device=shown),
            sentence=words(f"decide_device_{name}"),
            affected="",
            button=words(f"decide_device_title_{name}", device=shown),
            needs_why=False,
            takes_why=False,
            hindrance=lambda: self._hindrance(name),
            answered=lambda answer: words("decide_device_done", device=shown, state=words.term("device", _DONE[name])),
        )

    def _brief(self, value: object) -> str:
        return cut(self.desk.words.value(value), NAME_CELLS)

    def _hindrance(self, name: str) -> str:
        """Why it cannot be decided now, from the newest answers, freeze or not."""
        words, seen = self.desk.words, self.desk.live(DEVICES)
        if seen.problem is not None:
            return words("decide_away", code=words.value(seen.problem.code))
        found = next((device for device in seen.value.devices if device.device == self.about), None) if seen.value else None
        if found is None:
            return words("decide_device_gone")
        return "" if name in TAKES.get(found.state, ()) else words("decide_device_moved", state=words.term("device", found.state))


_DONE = {"admit": "admitted", "refuse": "refused", "retire": "retired"}

"""Which commands a device may be given, and what their arguments may be. Pure.

The list is data of the device's profile; a device whose profile lists none may be given the common ones. What is not listed, or has an
argument that is not, is refused with what would do. Called by the command desk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from node.devices.errors import CommandRefused
from node.ingest.profiles import Argument, ArgumentType, Command, Profile

TEXT_CHARS_MAX = 1_000
INTEGER_MAX = (1 << 53) - 1
"""Largest whole number that every JSON reader takes exactly."""
DAY_S = 86_400

COMMON = (
    Command("report"),
    Command("restart"),
    Command("identify", (Argument("seconds", ArgumentType.INTEGER, low=1, high=600, required=False),)),
    Command("set-period", (Argument("period_s", ArgumentType.INTEGER, low=1, high=DAY_S),)),
)
"""Say what you measure now; start anew; show yourself (blink, beep); speak so often."""

Value = str | int | float | bool


def commands_of(profile: Profile | None) -> Sequence[Command]:
    """What devices of a profile may be told."""
    return profile.commands if profile is not None and profile.commands else COMMON


def checked(commands: Sequence[Command], name: str, arguments: Mapping[str, object]) -> dict[str, Value]:
    """The arguments of a command as they are sent; texts that stand for numbers become numbers. Raises CommandRefused."""
    command = next((each for each in commands if each.name == name), None)
    if command is None:
        known = ", ".join(each.name for each in commands)
        raise CommandRefused(f"command {name!r} refused: its profile allows {known}")
    known_arguments = {each.name: each for each in command.arguments}
    for unknown in arguments.keys() - known_arguments.keys():
        takes = ", ".join(known_arguments) or "no arguments"
        raise CommandRefused(f"command {name} refused: it has no argument {unknown!r}; it takes {takes}")
    missing = [each.name for each in command.arguments if each.required and each.name not in arguments]
    if missing:
        raise CommandRefused(f"command {name} refused: argument {missing[0]} is missing; give {missing[0]}=VALUE")
    return {key: _value(name, known_arguments[key], value) for key, value in arguments.items()}


def _value(command: str, argument: Argument, value: object) -> Value:
    try:
        return _READ[argument.type](argument, value)
    except ValueError as error:
        raise CommandRefused(f"command {command} refused: {argument.name}={str(value)[:60]!r} {error}") from None


def _integer(argument: Argument, value: object) -> int:
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise ValueError("is no whole number") from None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > INTEGER_MAX:
        raise ValueError("is no whole number")
    _check_bounds(argument, value)
    return value


def _number(argument: Argument, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("is no number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError("is no number") from None
    if not math.isfinite(number):
        raise ValueError("is no number")
    _check_bounds(argument, number)
    return number


def _check_bounds(argument: Argument, number: float) -> None:
    low, high = argument.low, argument.high
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"lies outside {'-' if low is None else f'{low:g}'} to {'-' if high is None else f'{high:g}'}")


def _text(argument: Argument, value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_CHARS_MAX or not value.isprintable():
        raise ValueError(f"is no printable text of at most {TEXT_CHARS_MAX} characters")
    if argument.choices and value not in argument.choices:
        raise ValueError(f"is none of {', '.join(argument.choices)}")
    return value


def _boolean(argument: Argument, value: object) -> bool:
    words = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError("is neither true nor false")


_READ: Mapping[ArgumentType, Callable[[Argument, object], Value]] = {
    ArgumentType.INTEGER: _integer,
    ArgumentType.NUMBER: _number,
    ArgumentType.TEXT: _text,
    ArgumentType.BOOLEAN: _boolean,
}

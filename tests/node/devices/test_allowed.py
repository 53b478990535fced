"""Which commands and arguments are allowed."""

from __future__ import annotations

import pytest

from node.devices.allowed import COMMON, checked, commands_of
from node.devices.errors import CommandRefused
from node.ingest.profiles import Format, Profile
from tests.node.devices.office import LAMP


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("switch", {"on": "TRUE"}, {"on": True}),
        ("switch", {"on": False}, {"on": False}),
        ("dim", {"share": "0.25", "mode": "slow"}, {"share": 0.25, "mode": "slow"}),
        ("dim", {"share": 1}, {"share": 1.0}),
    ],
)
def test_arguments_become_what_the_profile_says(name: str, given: dict[str, object], sent: dict[str, object]) -> None:
    assert checked(LAMP.commands, name, given) == sent


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("explode", {}, "its profile allows switch, dim"),
        ("dim", {"share": 2}, "share='2' lies outside 0 to 1"),
        ("dim", {"share": "nan"}, "share='nan' is no number"),
        ("dim", {"share": True}, "is no number"),
        ("dim", {"share": 0.5, "mode": "odd"}, "is none of slow, fast"),
        ("dim", {"share": 0.5, "mode": "a\x1b[2J"}, "is no printable text"),
        ("dim", {"colour": "red"}, "it takes share, mode"),
        ("switch", {}, "argument on is missing; give on=VALUE"),
        ("switch", {"on": "maybe"}, "is neither true nor false"),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_way_out(name: str, given: dict[str, object], why: str) -> None:
    with pytest.raises(CommandRefused, match=why):
        checked(LAMP.commands, name, given)


@pytest.mark.parametrize("period", ["0", "86401", "1.5", "x", 1e300, "9" * 5_000])
def test_whole_numbers_keep_their_bounds(period: object) -> None:
    with pytest.raises(CommandRefused):
        checked(COMMON, "set-period", {"period_s": period})


def test_a_profile_without_a_list_has_the_common_commands() -> None:
    plain = Profile("p", "p/+", Format.JSON, "air-quality", "37")
    assert commands_of(plain) == commands_of(None) == COMMON
    assert commands_of(LAMP) == LAMP.commands

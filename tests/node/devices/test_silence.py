"""Silent devices, one by one and all at once, and the end of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.devices.silence import SINGLES_MAX, Change, Group, Outage, SilenceWatch
from node.ingest.device import Admission, Card, Device

MINUTE_US = 60_000_000


def sensor(name: str, *, period_s: float = 60, profile: str = "air", territory: str = "370202") -> Device:
    """An admitted device that spoke once."""
    card = Card(territory, profile=profile, period_s=period_s)
    return Device(name, card, "mqtt", Admission.ADMITTED, 1, 1, resource="air-quality", messages=1)


@dataclass
class Street:
    """Devices, a clock, and what was told."""

    devices: list[Device]
    watch: SilenceWatch = field(default_factory=lambda: SilenceWatch(lambda profile: 0.0, lambda device: None))
    now_us: int = 0
    told: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The first look."""
        self.look(0)

    def look(self, minutes: float, *, speaking: str = "") -> list[Change]:
        """Let time pass, with a message of each device whose name begins so in every minute."""
        changes: list[Change] = []
        for _ in range(max(1, round(minutes))):
            self.now_us += round(minutes and MINUTE_US)
            for device in self.devices:
                device.messages += bool(speaking) and device.name.startswith(tuple(speaking.split()))
            changes += self.watch.look(self.devices, now_us=self.now_us, wall_us=1_000 + self.now_us)
        self.told += changes
        return changes


def names(changes: list[Change]) -> list[tuple[str, bool]]:
    """Whom changes are about, and whether a silence begins."""
    return [(each.about.group.name if isinstance(each.about, Outage) else each.about.name, each.is_active) for each in changes]


def test_a_device_is_silent_after_three_of_its_periods() -> None:
    street = Street([sensor("a"), sensor("b")])
    assert street.look(3, speaking="a") == []
    (change,) = street.look(1, speaking="a")
    assert names([change]) == [("b", True)]
    assert (change.quiet_s, change.period_s) == (240.0, 60.0)


def test_it_speaks_again_with_its_second_message() -> None:
    street = Street([sensor("a"), sensor("b")])
    street.look(4, speaking="a")
    assert street.look(1, speaking="a b") == []
    assert names(street.look(1, speaking="a b")) == [("b", False)]
    assert street.devices[1].silent_since_us == 0


def test_a_fast_device_is_not_silent_within_a_minute() -> None:
    street = Street([sensor("a", period_s=1)])
    assert street.look(1) == []
    assert names(street.look(1)) == [("a", True)]


def test_who_never_spoke_or_is_not_admitted_or_has_no_period_is_not_watched() -> None:
    unheard, waiting, free = sensor("u"), sensor("w"), sensor("f", period_s=0)
    unheard.resource, waiting.state = "", Admission.WAITING
    assert Street([unheard, waiting, free]).look(500) == []


def test_a_device_that_is_taken_down_is_not_silent_any_more() -> None:
    street = Street([sensor("a"), sensor("b")])
    street.look(4, speaking="a")
    street.devices[1].state = Admission.RETIRED
    assert names(street.look(1, speaking="a")) == [("b", False)]


def test_a_link_that_breaks_raises_one_alarm() -> None:
    profiles = ("air", "noise")
    street = Street([sensor(f"d{number}", period_s=60 + number, profile=profiles[number % 2]) for number in range(100)])
    (change,) = street.look(9)
    assert names([change]) == [("*", True)]
    assert (change.count, change.watched) == (60, 100), "as many are late when the fastest is silent"
    assert all(device.silent_since_us for device in street.devices)


def town() -> list[Device]:
    """Ten of one kind, forty of another in two places; names say which."""
    near = [sensor(f"near{number}", profile="noise", territory="370202") for number in range(20)]
    far = [sensor(f"far{number}", profile="noise", territory="370203") for number in range(20)]
    return [*near, *far, *(sensor(f"air{number}") for number in range(10))]


def test_an_outage_is_named_by_the_narrowest_group_that_has_it_all() -> None:
    expected = {"near far": "air/370202", "air far": "noise/370202", "air": "noise", "none": "*"}
    for speaking, name in expected.items():
        assert names(Street(town()).look(5, speaking=speaking)) == [(name, True)]


def test_an_outage_is_over_when_few_are_left_and_these_get_their_own_alarms() -> None:
    street = Street([sensor(f"good{number}") for number in range(50)] + [sensor(f"bad{number}") for number in range(6)])
    assert len(street.look(5)) == 1
    assert street.look(1, speaking="good") == []
    told = names(street.look(1, speaking="good"))
    assert told == [("air/370202", False), *((f"bad{number}", True) for number in range(6))]


def test_many_that_fall_silent_one_by_one_share_an_alarm_in_the_end() -> None:
    street = Street([sensor(f"d{number:03d}") for number in range(200)])
    for number in range(40):
        speaking = " ".join(f"d{other:03d}" for other in range(number + 1, 200))
        street.look(1, speaking=speaking)
    singles = [each for each in street.told if not isinstance(each.about, Outage)]
    groups = [each for each in street.told if isinstance(each.about, Outage)]
    assert (len(singles), len(groups)) == (SINGLES_MAX, 1)


def test_what_held_before_a_restart_is_told_again_with_the_same_time() -> None:
    street = Street([sensor(f"d{number}") for number in range(10)])
    (begun,) = street.look(5)
    again = Street(street.devices)
    (resumed,) = again.told
    assert resumed.about == begun.about
    assert isinstance(resumed.about, Outage)
    again.look(2, speaking="d")
    assert names(again.told) == [("air/370202", True), ("air/370202", False)]


def test_the_mark_of_an_outage_is_read_back() -> None:
    outage = Outage(5, Group("air", "p", "37"))
    assert Outage.of(outage.mark) == outage
    assert Outage.of("rubbish") is None

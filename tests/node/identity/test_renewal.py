"""When certificates fall due, as a table of dates: no clock, no file, no network."""

from __future__ import annotations

import pytest

from node.identity.certificates import BACKDATE_US
from node.identity.renewal import LOOK_MAX_S, LOOK_MIN_S, Dates, Duty, Standing, duties, is_overdue, next_look_s, passed_us
from sync.model import MICROSECONDS
from tests.node.identity.family import DAY_US, NOW_US

LEAF_LIFE_S = 90 * 86_400


def standing(*, above_days: tuple[int, ...] = (730,), leaf_life_s: int = LEAF_LIFE_S) -> Standing:
    """A chain issued at NOW_US: leaf for 90 days, CA for 730."""
    life = [Dates(NOW_US, NOW_US + days * DAY_US) for days in (90, 730, *above_days)]
    return Standing(life[0], life[1], tuple(life[2:]), leaf_life_s * MICROSECONDS)


@pytest.mark.parametrize(
    ("days", "due"),
    [
        (0, set()),
        (44, set()),
        (46, {Duty.LEAF}),
        (90, {Duty.LEAF}),
        (364, {Duty.LEAF}),
        (366, {Duty.LEAF, Duty.CA}),
        (3_000, {Duty.LEAF, Duty.CA}),
        (-6, set()),
        (-8, {Duty.LEAF, Duty.CA}),
    ],
)
def test_certificates_are_due_at_half_of_their_life_or_when_the_clock_stepped_back(days: float, due: set[Duty]) -> None:
    assert duties(standing(), NOW_US + round(days * DAY_US)) == due


def test_ninety_days_offline_leave_only_the_leaf_to_renew_which_asks_nobody() -> None:
    offline = standing()
    moments = [NOW_US + day * DAY_US for day in range(91)]
    assert all(Duty.CA not in duties(offline, now_us) for now_us in moments)
    assert Duty.LEAF in duties(offline, moments[-1])


def test_a_shorter_wish_makes_a_long_leaf_due_early() -> None:
    impatient = standing(leaf_life_s=20)
    assert duties(impatient, NOW_US + 9 * MICROSECONDS) == set()
    assert duties(impatient, NOW_US + 11 * MICROSECONDS) == {Duty.LEAF}


def test_a_certificate_above_in_its_last_quarter_is_asked_for() -> None:
    late_parent = standing(above_days=(100, 7_300))
    assert Duty.CA not in duties(late_parent, NOW_US + 74 * DAY_US)
    assert Duty.CA in duties(late_parent, NOW_US + 76 * DAY_US)


def test_what_should_have_been_renewed_long_ago_is_an_operators_concern() -> None:
    assert not is_overdue(standing(), NOW_US + 60 * DAY_US)
    assert is_overdue(standing(), NOW_US + 70 * DAY_US)


@pytest.mark.parametrize(
    ("leaf_life_s", "age_s", "wait_s"),
    [(LEAF_LIFE_S, 0, LOOK_MAX_S), (20, 0, 10.0), (20, 4, 6.0), (20, 12, 1.0), (10, 6, LOOK_MIN_S)],
)
def test_the_next_look_comes_at_half_life_and_then_at_every_twentieth(leaf_life_s: int, age_s: int, wait_s: float) -> None:
    chain = standing(leaf_life_s=leaf_life_s)
    assert next_look_s(chain, NOW_US + age_s * MICROSECONDS) == pytest.approx(wait_s)


def test_a_parent_with_a_clock_ahead_cannot_push_the_floor_past_a_plausible_own_clock() -> None:
    ca = Dates(NOW_US, NOW_US + 730 * DAY_US)
    assert passed_us(NOW_US + 900 * DAY_US, wall_us=NOW_US + DAY_US, ca=ca) == NOW_US + DAY_US


def test_a_clock_of_1970_takes_the_signed_time() -> None:
    ca = Dates(NOW_US, NOW_US + 730 * DAY_US)
    assert passed_us(NOW_US + 5 * DAY_US, wall_us=3_600 * MICROSECONDS, ca=ca) == NOW_US + 5 * DAY_US
    assert passed_us(NOW_US + 5 * DAY_US, wall_us=NOW_US - BACKDATE_US, ca=ca) == NOW_US - BACKDATE_US

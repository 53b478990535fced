"""A target passes at its bound and not beyond it, and says so when there is nothing to judge."""

from __future__ import annotations

import pytest

from benchmarks.figures import Target, target_lines


def target(*values: float, bound: float = 0.5, at_least: bool = True) -> Target:
    return Target("G6", "small / large", bound, at_least, values, "batches of 100; fsync", ("a note",))


@pytest.mark.parametrize(
    ("values", "at_least", "verdict"),
    [((0.5,), True, "PASS"), ((0.49,), True, "FAIL"), ((0.5,), False, "PASS"), ((0.51,), False, "FAIL"), ((), True, "SKIPPED")],
)
def test_a_target_is_judged_at_its_bound(values: tuple[float, ...], at_least: bool, verdict: str) -> None:
    assert target(*values, at_least=at_least).verdict == verdict


def test_the_median_of_the_rounds_is_judged() -> None:
    assert (target(0.1, 0.6, 0.9).value, target(0.1, 0.6, 0.9).verdict) == (0.6, "PASS")


def test_lines_name_the_bound_the_form_and_the_notes() -> None:
    text = "\n".join(target_lines(target(0.4, 0.6)))
    assert all(word in text for word in ("G6", "PASS", ">= 0.5", "batches of 100; fsync", "a note", "2 rounds"))


def test_a_skipped_target_has_no_median_for_a_program_to_read() -> None:
    assert target().encoded()["median"] is None

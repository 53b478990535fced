"""When neighbours are asked again for a damaged batch: soon, later, slowly, and when their session begins anew."""

from __future__ import annotations

import pytest

from node.repair.rounds import LATER_ROUNDS_MAX, LATER_S, LOST_S, MET_PAUSE_S, RETRY_S, Outcome, Rounds


@pytest.mark.parametrize(
    ("outcome", "pause_s"),
    [(Outcome.WAITING, RETRY_S), (Outcome.COMING, RETRY_S), (Outcome.LATER, LATER_S), (Outcome.NOBODY, LOST_S)],
)
def test_the_pause_follows_from_what_was_answered(outcome: Outcome, pause_s: float) -> None:
    rounds = Rounds()
    assert rounds.is_due(7, 100.0)
    assert rounds.ended(7, outcome, 100.0) is outcome
    assert (rounds.is_due(7, 100.0 + pause_s - 0.1), rounds.is_due(7, 100.0 + pause_s)) == (False, True)
    assert rounds.next_in_s([7], 100.0) == pause_s


def test_a_neighbour_that_says_later_for_ever_is_asked_slowly_in_the_end() -> None:
    rounds = Rounds()
    counted = [rounds.ended(7, Outcome.LATER, 0.0) for _ in range(LATER_ROUNDS_MAX)]
    assert counted == [Outcome.LATER] * (LATER_ROUNDS_MAX - 1) + [Outcome.NOBODY]
    assert not rounds.is_due(7, LOST_S - 1)


def test_another_answer_in_between_counts_the_rounds_anew() -> None:
    rounds = Rounds()
    words = [Outcome.LATER] * (LATER_ROUNDS_MAX - 1) + [Outcome.WAITING, Outcome.LATER]
    assert [rounds.ended(7, word, 0.0) for word in words][-1] is Outcome.LATER


def test_a_session_that_begins_is_met_once_and_one_that_flaps_is_not() -> None:
    rounds = Rounds()
    assert rounds.met("qingdao", 0.0)
    assert (sorted(rounds.take_met()), sorted(rounds.take_met())) == (["qingdao"], [])
    assert not rounds.met("qingdao", MET_PAUSE_S - 1)
    assert rounds.met("qingdao", MET_PAUSE_S)


def test_what_is_whole_again_is_forgotten_and_nothing_means_no_round() -> None:
    rounds = Rounds()
    rounds.said[7] = {"qingdao": "nothing"}
    rounds.ended(7, Outcome.NOBODY, 0.0)
    rounds.forget(7)
    assert (rounds.is_due(7, 0.0), rounds.said, rounds.next_in_s([], 0.0)) == (True, {}, None)

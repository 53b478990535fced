"""Questions for the newest picture: who is asked, who answers, and what is said where no picture comes."""

from __future__ import annotations

import pytest

from edge_ai.wire.views import ViewMessage, ViewOrder, ViewRow
from node.cameras.errors import CameraUnknown
from node.cameras.viewing import questions
from node.cameras.viewing.pictures import LivePictures
from node.cameras.viewing.questions import ASKED_MAX

Answer = ViewMessage | None


def made(*answers: Answer, state: str = "live", why: str = "") -> tuple[LivePictures, list[ViewOrder]]:
    """Pictures whose process gives these answers to each question."""
    orders: list[ViewOrder] = []

    def ask(order: ViewOrder) -> None:
        orders.append(order)
        for answer in answers:
            if answer is not None:
                found.came(answer)

    found = LivePictures(lambda: [{"camera": "yard", "state": state, "why": why}], ask)
    return found, orders


def answer(camera: str = "yard", number: int = 1, jpeg: bytes = b"jpeg", missing: str = "") -> ViewMessage:
    return ViewMessage(ViewRow(camera=camera, number=number, time_us=7, masking="boxes", missing=missing), jpeg)


async def test_the_answer_to_the_question_is_the_picture() -> None:
    found, orders = made(answer())
    picture = await found.newest("yard", "who" * 200, known_us=5)
    assert (picture.jpeg, picture.time_us, picture.masking, picture.missing) == (b"jpeg", 7, "boxes", "")
    assert (orders[0].camera, orders[0].known_us, len(orders[0].text)) == ("yard", 5, 240)


async def test_a_process_that_answers_something_else_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ANSWER_S", 0.01)
    found, _ = made(answer(camera="gate"), answer(number=2))
    assert (await found.newest("yard", "who")).missing == "silent"
    found.came(answer())


async def test_a_second_answer_changes_nothing() -> None:
    found, _ = made(answer(), answer(jpeg=b"other"))
    assert (await found.newest("yard", "who")).jpeg == b"jpeg"


async def test_what_the_process_misses_is_said() -> None:
    found, _ = made(answer(jpeg=b"", missing="no-picture"))
    assert (await found.newest("yard", "who")).missing == "no-picture"


@pytest.mark.parametrize("state", ["lost", "off", "connecting"])
async def test_a_camera_that_shows_nothing_is_not_asked(state: str) -> None:
    found, orders = made(answer(), state=state, why="cable")
    picture = await found.newest("yard", "who")
    assert (picture.missing, picture.why, orders) == (state, "cable", [])


async def test_a_camera_of_another_node_is_unknown() -> None:
    found, _ = made()
    with pytest.raises(CameraUnknown, match="no camera 'gate'"):
        await found.newest("gate", "who")


async def test_questions_under_way_are_bounded() -> None:
    found, orders = made(answer())
    found._questions._waiting = {-number: ("yard", None) for number in range(1, ASKED_MAX + 1)}  # type: ignore[misc]
    assert (await found.newest("yard", "who")).missing == "busy"
    assert not orders

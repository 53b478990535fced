"""Reasons of camera processes in both languages, and what is shown of those that are no reasons."""

from __future__ import annotations

import pytest

from edge_ai.reasons import names_in, names_of, reason, told
from edge_ai.sentences import SENTENCES
from node.texts import catalogue
from node.texts.reasons import worded

REFUSED = reason("of-camera", camera="gate", what=reason("no-connection", what=reason("connection-refused")))


def test_a_reason_is_worded_in_the_language_of_who_reads() -> None:
    assert worded(told(REFUSED), "zh") == "摄像机 gate：连不上（对方拒绝连接）：请检查地址、网络，以及摄像机是否开机"
    assert worded(told(REFUSED), "en") == str(REFUSED)


def test_a_camera_is_not_named_again_beside_itself() -> None:
    assert worded(told(REFUSED), "zh", camera="gate").startswith("连不上")
    assert worded(told(REFUSED), "en", camera="gate").startswith("no connection to it")
    assert worded(told(REFUSED), "zh", camera="yard").startswith("摄像机 gate：")
    assert worded(told(reason("of-camera", camera="gate", what="odd words")), "zh", camera="gate") == "odd words"


def test_a_cell_has_room_for_the_thing_alone() -> None:
    said = told(reason("of-camera", camera="gate", what=reason("at-address", address="10.0.0.1:554/x", what=reason("silent"))))
    assert worded(said, "zh", camera="gate") == "10.0.0.1:554/x：它没有回应"
    assert worded(said, "zh", camera="gate", is_brief=True) == "它没有回应"
    assert worded(said, "zh", camera="yard", is_brief=True) == worded(said, "zh")


@pytest.mark.parametrize("said", ["", "it is silent", 'odd {braces} ["x', "~\x1b[31m"])
def test_words_of_an_older_program_are_shown_as_they_came(said: str) -> None:
    assert worded(said, "zh") == said


@pytest.mark.parametrize("tail", ['["of-tomorrow","x"]', '["silent","too many"]', '["of-camera","gate",["of-tomorrow"]]'])
def test_of_a_code_that_is_not_known_here_the_sentence_is_shown(tail: str) -> None:
    assert worded(f"camera gate: it sleeps {tail}", "zh") == "camera gate: it sleeps"


def test_an_argument_that_looks_like_a_template_stays_a_text() -> None:
    assert worded(told(reason("file-empty", file="{file.__class__}")), "zh") == "{file.__class__} 是空文件：请重新复制"


def test_a_word_alone_is_a_code_too() -> None:
    assert (worded("disk-full", "zh"), worded("disk-full", "en")) == ("磁盘已满", "No space left on device")


def test_every_code_has_both_texts_with_the_same_arguments() -> None:
    for language in ("zh", "en"):
        texts = {key.removeprefix("reason."): value for key, value in catalogue(language).items() if key.startswith("reason.")}
        assert texts.keys() == SENTENCES.keys()
        assert [code for code, sentence in texts.items() if set(names_in(sentence)) != set(names_of(code))] == []

"""Which terminal gets which dress."""

from __future__ import annotations

import pytest

from tui.setting import setting_for


def dress(term: str, encoding: str, *, ascii_only: bool = False) -> tuple[str, bool]:
    """Language and ASCII mode for a terminal when Chinese was asked for."""
    setting = setting_for({"TERM": term}, encoding=encoding, language="zh", ascii_only=ascii_only, slow_link=False)
    return setting.language, setting.ascii_only


@pytest.mark.parametrize(("term", "encoding"), [("linux", "utf-8"), ("xterm", "ascii"), ("xterm", "ISO-8859-1"), ("dumb", "UTF-8")])
def test_a_terminal_without_han_characters_gets_english_ascii(term: str, encoding: str) -> None:
    assert dress(term, encoding) == ("en", True)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf_8"])
def test_a_capable_terminal_gets_what_was_asked_for(encoding: str) -> None:
    assert dress("xterm-256color", encoding) == ("zh", False)


def test_ascii_can_be_asked_for() -> None:
    assert dress("xterm", "utf-8", ascii_only=True) == ("en", True)


def test_a_slow_link_polls_less() -> None:
    slow = setting_for({}, encoding="utf-8", language="zh", ascii_only=False, slow_link=True)
    fast = setting_for({}, encoding="utf-8", language="zh", ascii_only=False, slow_link=False)
    assert slow.poll_s > fast.poll_s

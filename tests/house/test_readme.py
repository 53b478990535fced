"""The READMEs: the first screen says what the product does, with a real screenshot, and both languages keep pace."""

from __future__ import annotations

import re
import unicodedata

import pytest

from tests.house.tree import ROOT

HEAD_LINES = 40
SCREEN_ROWS, SCREEN_CELLS = 24, 80
READMES = ("README.md", "README.zh.md")


def head(readme: str) -> list[str]:
    """The lines a newcomer reads first."""
    return (ROOT / readme).read_text("utf-8").splitlines()[:HEAD_LINES]


def cells(line: str) -> int:
    """Terminal cells a line takes; Han characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


@pytest.mark.parametrize("readme", READMES)
def test_the_first_lines_name_both_commands(readme: str) -> None:
    text = "\n".join(head(readme))
    assert "./yunnao demo" in text
    assert "./yunnao test" in text


@pytest.mark.parametrize("readme", READMES)
def test_the_first_lines_hold_a_screenshot_of_one_terminal(readme: str) -> None:
    text = "\n".join(head(readme))
    screens = [block.splitlines() for block in re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    assert [len(screen) for screen in screens] == [SCREEN_ROWS]
    assert max(cells(line) for line in screens[0]) <= SCREEN_CELLS


def test_both_languages_have_the_same_sections_and_commands() -> None:
    outlines = []
    for readme in READMES:
        text = (ROOT / readme).read_text("utf-8")
        commands = re.findall(r"^    (\S.*?)\s*(?:#.*)?$", text, re.MULTILINE)
        outlines.append((len(re.findall(r"^#+ ", text, re.MULTILINE)), commands, set(re.findall(r"\]\(([^)]+)\)", text))))
    assert outlines[0] == outlines[1]


@pytest.mark.parametrize("readme", READMES)
def test_every_link_leads_somewhere(readme: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / readme).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []

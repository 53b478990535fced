"""The live table: its columns fit, its cursor stays with its row, its rows are capped."""

from __future__ import annotations

import pytest
from rich.text import Text
from textual.app import App, ComposeResult

from tests.tui.screens import ASCII, CHINESE, ENGLISH, LARGE, MIDDLE, SMALL, stage
from tui.pages.list_page import ListPage
from tui.setting import Setting
from tui.widgets.table import ROWS_MAX, Column, Row, Table

COLUMNS = (Column("name", 10),)


class Bare(App[None]):
    """A table and nothing else."""

    def compose(self) -> ComposeResult:
        """The table."""
        yield Table()


def rows(*keys: str) -> list[Row]:
    """Rows of one cell."""
    return [Row(key, (Text(key),), search=key) for key in keys]


@pytest.mark.slow
async def test_the_cursor_stays_on_its_key_when_rows_come_above_it() -> None:
    async with Bare().run_test() as pilot:
        table = pilot.app.query_one(Table)
        table.fill(COLUMNS, rows("a", "b", "c"))
        table.put_cursor("b")
        table.fill(COLUMNS, rows("new", "a", "b", "c"))
        assert table.cursor_key == "b"


@pytest.mark.slow
async def test_the_cursor_stays_in_the_table_when_its_row_goes() -> None:
    async with Bare().run_test() as pilot:
        table = pilot.app.query_one(Table)
        table.fill(COLUMNS, rows("a", "b"))
        table.put_cursor("b")
        table.fill(COLUMNS, rows("a"))
        assert table.cursor_key == "a"


@pytest.mark.slow
async def test_an_empty_table_has_no_cursor_and_opens_nothing() -> None:
    async with Bare().run_test() as pilot:
        table = pilot.app.query_one(Table)
        table.fill(COLUMNS, [])
        table.action_open()
        assert table.cursor_key is None


@pytest.mark.slow
async def test_rows_beyond_the_cap_are_not_kept_and_the_end_can_be_reached() -> None:
    async with Bare().run_test() as pilot:
        table = pilot.app.query_one(Table)
        table.fill(COLUMNS, rows(*(f"r{number}" for number in range(ROWS_MAX + 10))))
        assert table.total == ROWS_MAX
        table.focus()
        await pilot.pause()  # laid out: a table without a size scrolls nowhere
        await pilot.press("end")
        assert table.cursor_key == f"r{ROWS_MAX - 1}"
        await pilot.pause()
        assert table.scroll_offset.y > 0


@pytest.mark.slow
@pytest.mark.parametrize("setting", [CHINESE, ENGLISH, ASCII], ids=["zh", "en", "ascii"])
@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE], ids=lambda size: str(size[0]))
async def test_no_column_is_clipped_at_the_three_sizes(setting: Setting, size: tuple[int, int]) -> None:
    async with stage(setting, size) as shown:
        for name in ("tree", "events", "resources", "incidents", "devices"):
            await shown.open(name)
            page = shown.console.page
            assert isinstance(page, ListPage)
            assert 2 + sum(column.cells + 1 for column in page.columns(size[0])) <= size[0] + 1


def test_a_row_matches_by_words_pinyin_and_absence() -> None:
    row = Row("k", (), search="八大峡街道 qd-badaxia")
    assert row.matches("bdxjd")
    assert row.matches("qd- 街道")
    assert not row.matches("!街道")

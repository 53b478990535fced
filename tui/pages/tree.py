"""The home page: all nodes this node knows, in tree order, with state, lag, queues and counters; below, the showcase and a strip of news.

The columns grow with the terminal: a compact backlog at 80 cells, one column per lane at 120, the rest at 200.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from tui.answers import NodeStatus, Tree
from tui.desk import Desk, age_of, chain
from tui.feed import Question, Seen
from tui.keys import BACK, Key
from tui.marks import State, badge
from tui.pages.list_page import ListPage
from tui.pages.showcase import SHOWCASE_LINES, Showcase
from tui.questions import NEWEST
from tui.safe import cut, fit
from tui.widgets.table import Column, Row, Table, rest_of
from tui.words import Words

WIDE_CELLS = 120
FULL_CELLS = 180
SHORT_LINES = 16
"""On fewer lines than this the strip gives its room to the table."""

FRAME_LINES = 4
"""Lines of the page beside rows, showcase and strip: breadcrumb, tabs, the table's header, keys."""

PROBLEM_LINES = 2
STRIP_LINES = 5
STRIP_LINES_MIN = 3
"""Beside the showcase the strip can do without its line of air and without the newest event."""

SHOWCASE_CELLS_MIN = 80

BACKLOG_CELLS = 14
NAME_CELLS_MIN = 16
NAME_CELLS_MAX = 48
LEVELS = ("grid", "street", "district", "municipal", "provincial")
LANES = ("control", "alarm", "event", "state", "bulk", "blob")


class TreePage(ListPage):
    """Nodes in tree order."""

    name_key: ClassVar[str] = "tree"
    tab: ClassVar[str] = "tree"
    detail: ClassVar[str] = "node"
    unhinted: ClassVar[tuple[Key, ...]] = (BACK,)

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._showcase = Showcase(desk)

    def body(self) -> Iterable[Widget]:
        """The table, the showcase and the strip under it."""
        yield Table(id="body")
        yield self._showcase
        yield Static("", id="strip", markup=False)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """The newest event stands in the strip; what the showcase needs is asked while it is in sight."""
        return (NEWEST, *(self._showcase.questions() if self._showcase.has_class("on") else ()))

    def node_in_focus(self) -> str | None:
        """The node under the cursor."""
        return self.table.cursor_key

    def paint_body(self) -> None:
        """The table and what is below it; the first answer puts the cursor onto the own node."""
        first = self.table.total == 0
        super().paint_body()
        tree = self.desk.tree().value
        if first and tree is not None:
            self.table.put_cursor(tree.self_id)
        spare = self._spare_lines()
        self._paint_showcase(on=spare >= 0)
        self._paint_strip(STRIP_LINES if spare < 0 else min(STRIP_LINES, STRIP_LINES_MIN + spare))

    def _spare_lines(self) -> int:
        """Lines left over once every row, the showcase and the shortest strip have theirs; negative when the showcase must go."""
        if not self.table.total or self.size.width < SHOWCASE_CELLS_MIN:
            return -1
        taken = FRAME_LINES + self.table.total + SHOWCASE_LINES + STRIP_LINES_MIN
        return self.size.height - taken - (PROBLEM_LINES if self.problem() else 0)

    def _paint_showcase(self, *, on: bool) -> None:
        self._showcase.set_class(on, "on")
        if on:
            self._showcase.paint(self.size.width, stale=self.problem() is not None)

    def _paint_strip(self, height: int) -> None:
        strip = self.query_one("#strip", Static)
        strip.set_class(self.size.height < SHORT_LINES, "off")
        strip.styles.height = height
        strip.update(Text("\n").join(self._strip(self.size.width, height)))

    def columns(self, cells: int) -> Sequence[Column]:
        """Columns by width; the name takes what the others leave."""
        words = self.desk.words
        level = max(cell_len(words(f"level_{name}")) for name in LEVELS)
        lanes = [Column(words(f"lane_{lane}"), 7, right=True) for lane in LANES]
        others = [
            Column(words("column_level"), max(level, cell_len(words("column_level")))),
            Column(words("column_state"), 7),
            Column(words("column_lag"), 5, right=True),
            *(lanes if cells >= WIDE_CELLS else [Column(words("column_queue"), BACKLOG_CELLS, right=True)]),
            Column(words("column_records"), 9, right=True),
            Column(words("column_age"), 5, right=True),
        ]
        if cells >= FULL_CELLS:
            others += [Column(words(f"column_{name}"), width, right=right) for name, width, right in _EXTRA]
        return (Column(words("column_node"), rest_of(cells, others, least=NAME_CELLS_MIN, most=NAME_CELLS_MAX)), *others)

    def rows(self, cells: int) -> Sequence[Row]:
        """One row per node."""
        seen = self.desk.tree()
        return [self._row(node, seen, seen.value, cells) for node in seen.value.nodes] if seen.value else []

    def _row(self, node: NodeStatus, seen: Seen[Tree], tree: Tree, cells: int) -> Row:
        desk, words = self.desk, self.desk.words
        state = desk.state_of(node, seen)
        figure = desk.figure(state)
        own = node.id == tree.self_id
        depth = max(0, len(chain(tree, node.id)) - 1)
        name = Text(
            "  " * depth + ("*" if own else " ") + desk.node_name(node), style=f"bold {desk.palette.accent}" if own else desk.palette.text
        )
        parts = [
            name,
            self.cell(words.term("level", node.level), figure),
            badge(state, words, desk.palette),
            Text(words.age(node.lag_s), style=figure),
        ]
        parts += (
            [Text(words.compact(self._queued(node, lane)), style=figure) for lane in LANES]
            if cells >= WIDE_CELLS
            else [Text(self._backlog(node), style=figure)]
        )
        parts += [Text(_records(node, words), style=figure), Text(words.age(age_of(node.age_s, seen.age_s)), style=figure)]
        if cells >= FULL_CELLS:
            parts += self._extra(node, figure)
        return Row(node.id, tuple(parts), search=f"{node.name} {node.id} {node.territory} {node.level} {state.value}"[:400])

    def _queued(self, node: NodeStatus, lane: str) -> int | None:
        return node.queues[lane].records if lane in node.queues else None

    def _backlog(self, node: NodeStatus) -> str:
        """Lanes that wait, as letter and count; `0` when nothing waits, `-` when nobody said."""
        if not node.queues:
            return "-"
        words = self.desk.words
        waiting = [f"{words(f'letter_{lane}')}{words.compact(self._queued(node, lane))}" for lane in LANES if self._queued(node, lane)]
        return cut(" ".join(waiting), BACKLOG_CELLS) or "0"

    def _extra(self, node: NodeStatus, figure: str) -> list[Text]:
        words = self.desk.words
        link = words.term("link", node.link.state) if node.link and node.link.state else "-"
        rtt = f"{node.link.rtt_ms:.1f} ms" if node.link and node.link.rtt_ms is not None else "-"
        cameras = f"{node.cameras.live}/{node.cameras.live + node.cameras.lost}" if node.cameras else "-"
        shown = (node.territory, link, rtt, cameras, words.number(node.devices), words.number(node.rss_mb), node.software, node.policy)
        return [self.cell(value, figure) for value in shown]

    def _strip(self, cells: int, height: int) -> list[Text]:
        newest = [self._newest()] if height > STRIP_LINES_MIN else []
        lines = [self._selected(), *newest, self._counters(), self._keys_to_try()]
        return [Text("")] * (height - len(lines)) + [fit(line, cells) for line in lines]

    def _label(self, name: str) -> Text:
        return fit(Text(f"  {self.desk.words(name)}", style=self.desk.palette.dim), 11)

    def _selected(self) -> Text:
        """The node under the cursor in words."""
        desk, seen = self.desk, self.desk.tree()
        picked = [node for node in seen.value.nodes if node.id == self.table.cursor_key] if seen.value else []
        if not picked:
            return Text.assemble(self._label("strip_selected"), desk.words("waiting"))
        state = desk.state_of(picked[0], seen)
        shorts = [desk.words.state_word(word)[0] for word in picked[0].words] or [desk.words(f"state_{state.value.lower()}")]
        return Text.assemble(
            self._label("strip_selected"),
            (desk.node_name(picked[0]), "bold"),
            "  ",
            (desk.words("comma").join(shorts), state.colour(desk.palette)),
        )

    def _newest(self) -> Text:
        """The newest camera event."""
        desk, seen = self.desk, self.desk.seen(NEWEST)
        if seen.value is None or not seen.value.events:
            return Text.assemble(self._label("strip_newest"), (desk.words("no_events"), desk.palette.dim))
        event = seen.value.events[0]
        what = (
            desk.name_of(event.node),
            desk.words.value(event.camera),
            desk.words.term("class", event.class_),
            desk.words.rule(event.rule),
        )
        age = desk.words.age(age_of(event.age_s, seen.age_s))
        return Text.assemble(
            self._label("strip_newest"), ("  ".join(cut(part, 24) for part in what), desk.palette.text), (f"  {age}", desk.palette.dim)
        )

    def _counters(self) -> Text:
        """Nodes by state and the records of the own node."""
        desk, seen = self.desk, self.desk.tree()
        if seen.value is None:
            return self._label("strip_totals")
        count = Counter(desk.state_of(node, seen) for node in seen.value.nodes)
        line = self._label("strip_totals")
        for state in State:
            style = state.colour(desk.palette) if count[state] else desk.palette.dim
            line.append(f"{state.mark} {desk.words(f'mark_{state.value.lower()}')} {count[state]}   ".lstrip(), style=style)
        own = [sum(node.records.values()) for node in seen.value.nodes if node.id == seen.value.self_id]
        return line.append(desk.words("strip_records", n=desk.words.number(own[0]) if own else "-"), style=desk.palette.text)

    def _keys_to_try(self) -> Text:
        """Three keys for a newcomer."""
        line = self._label("strip_try")
        for key, name in (("Enter", "try_enter"), ("2", "try_events"), ("3", "try_resources")):
            line.append(key, style=f"bold {self.desk.palette.accent}").append(f" {self.desk.words(name)}   ", style=self.desk.palette.text)
        return line


_EXTRA = (
    ("territory", 15, False),
    ("link", 8, False),
    ("rtt", 9, True),
    ("cameras", 7, True),
    ("devices", 7, True),
    ("memory", 7, True),
    ("software", 8, False),
    ("policy", 10, False),
)


def _records(node: NodeStatus, words: Words) -> str:
    """All records present at the node; short beyond seven digits."""
    if not node.records:
        return "-"
    total = sum(node.records.values())
    return words.number(total) if total < 10_000_000 else words.compact(total)

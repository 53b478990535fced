"""One node in full: its state in words, links, backlog per lane, records per resource, cameras and devices.

Links and cameras are known of the node that answers; other nodes tell counts only, and the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import NodeStatus, Queue, Status, Tree
from tui.desk import age_of
from tui.feed import Question, Seen
from tui.marks import State, badge
from tui.pages.detail_page import DetailPage
from tui.pages.tree import LANES
from tui.questions import STATUS
from tui.safe import fit


class NodePage(DetailPage):
    """The node whose id is `about`."""

    name_key: ClassVar[str] = "node"
    tab: ClassVar[str] = "tree"

    def questions(self) -> Sequence[Question[Struct]]:
        """The answering node's own links and cameras."""
        return (STATUS,)

    def node_in_focus(self) -> str | None:
        """This node."""
        return self.about

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the node."""
        seen = self.desk.tree()
        found = [node for node in seen.value.nodes if node.id == self.about] if seen.value else []
        if seen.value is None or not found:
            return self.missing()
        node, state = found[0], self.desk.state_of(found[0], seen)
        figure = self.desk.figure(state)
        own = node.id == seen.value.self_id
        parts = [
            self._head(node, state, seen, figure),
            self._words(node, state, cells),
            self._lanes(node, figure),
            self._records(node, figure),
        ]
        status_figure = figure if self.desk.seen(STATUS).answered else self.desk.palette.stale
        parts += [self._links(status_figure), self._cameras(status_figure)] if own else [self._uplink(node, figure)]
        return [line for part in parts for line in (Text(""), *part)][1:]

    def _head(self, node: NodeStatus, state: State, seen: Seen[Tree], figure: str) -> list[Text]:
        desk, words = self.desk, self.desk.words
        named = Text.assemble((desk.node_name(node), "bold"), ("  " + words.value(node.id), desk.palette.dim))
        doors = (
            words("door_counts", accepted=words.number(node.door.accepted), refused=words.number(node.door.refused)) if node.door else "-"
        )
        cameras = words("camera_counts", live=node.cameras.live, lost=node.cameras.lost) if node.cameras else "-"
        return [
            self.field("name", named),
            self.field(
                "state",
                Text.assemble(
                    badge(state, words, desk.palette),
                    (f"  {words('age_of', age=words.age(age_of(node.age_s, seen.age_s)))}", desk.palette.dim),
                ),
            ),
            self.field("level", f"{words.term('level', node.level)}  {node.territory}", figure),
            self.field("lag", words.age(node.lag_s), figure),
            self.field("devices", f"{words.number(node.devices)}   {doors}", figure),
            self.field("cameras", cameras, figure),
            self.field("software", f"{node.software}   {words('policy_version', version=words.value(node.policy))}", figure),
            self.field("memory", f"{words.number(node.rss_mb)} MB", figure),
        ]

    def _words(self, node: NodeStatus, state: State, cells: int) -> list[Text]:
        lines = [self.heading(self.desk.words("title_words"))]
        if not node.words:
            return lines + self.paragraph(self.desk.words(f"state_{state.value.lower()}"), cells, indent=2)
        for word in node.words:
            short, why = self.desk.words.state_word(word)
            lines += self.paragraph(self.desk.words("pair", what=short, said=why) if why else short, cells, indent=2)
        return lines

    def _lanes(self, node: NodeStatus, figure: str) -> list[Text]:
        words = self.desk.words
        header = self._columns(
            [words(f"column_{name}") for name in ("lane", "batches", "records", "bytes", "oldest")], self.desk.palette.dim
        )
        lines = [self.heading(words("title_lanes")), header]
        return lines + [self._lane(lane, node.queues.get(lane), figure) for lane in LANES]

    def _lane(self, lane: str, queue: Queue | None, figure: str) -> Text:
        words = self.desk.words
        if queue is None:
            return self._columns([words(f"lane_{lane}"), "-", "-", "-", "-"], self.desk.palette.dim)
        oldest = words.age(queue.oldest_s) if queue.records else "-"
        return self._columns(
            [words(f"lane_{lane}"), words.number(queue.batches), words.number(queue.records), words.number(queue.bytes), oldest], figure
        )

    def _columns(self, cells: Sequence[str], style: str) -> Text:
        first, *others = [Text(cell, style=style) for cell in cells]
        return Text.assemble("  ", fit(first, 20), *(fit(cell, 12, right=True) for cell in others), no_wrap=True, end="")

    def _records(self, node: NodeStatus, figure: str) -> list[Text]:
        words = self.desk.words
        lines = [self.heading(words("title_records"))]
        if not node.records:
            return [*lines, Text(f"  {words('none')}", style=self.desk.palette.dim)]
        return lines + [
            self._columns([words.value(resource), words.number(count)], figure)
            for resource, count in sorted(node.records.items(), key=lambda item: item[0])
        ]

    def _uplink(self, node: NodeStatus, figure: str) -> list[Text]:
        words = self.desk.words
        lines = [self.heading(words("title_links"))]
        if node.link is None:
            return [*lines, Text(f"  {words('none')}", style=self.desk.palette.dim)]
        parent = self.desk.name_of(node.parent) if node.parent else "-"
        return [*lines, self._link(parent, node.link.state, node.link.rtt_ms, node.link.since_us, figure)]

    def _links(self, figure: str) -> list[Text]:
        status = self._status()
        lines = [self.heading(self.desk.words("title_links"))]
        links = status.links if status else []
        if not links:
            return [*lines, Text(f"  {self.desk.words('none')}", style=self.desk.palette.dim)]
        for link in links:
            line = self._link(self.desk.name_of(link.peer), link.state, link.rtt_ms, link.since_us, figure)
            lines.append(Text.assemble(line, (f"  {self.desk.words.value(link.trouble)}", self.desk.palette.warn)))
        return lines

    def _link(self, peer: str, state: str, rtt_ms: float | None, since_us: int | None, figure: str) -> Text:
        words = self.desk.words
        rtt = "-" if rtt_ms is None else f"{rtt_ms:.1f} ms"
        since = age_of(0.0, max(0.0, (self.desk.wall_us - since_us) / 1_000_000)) if since_us else None
        since_words = words("since", age=words.age(since)) if since is not None else ""
        return Text.assemble(self._columns([peer, words.term("link", state), rtt], figure), ("  " + since_words, self.desk.palette.dim))

    def _cameras(self, figure: str) -> list[Text]:
        status, words = self._status(), self.desk.words
        lines = [self.heading(words("title_cameras"))]
        cameras = status.cameras if status else []
        if not cameras:
            return [*lines, Text(f"  {words('none')}", style=self.desk.palette.dim)]
        for camera in cameras:
            fps = "-" if camera.fps is None else f"{camera.fps:.1f} fps"
            line = self._columns([words.value(camera.camera), words.term("camera", camera.state), fps], figure)
            retry = words("retry_in", age=words.age(camera.retry_in_s)) if camera.retry_in_s is not None else ""
            why = words.value(words.why(camera.why or "", camera=camera.camera, is_brief=True))
            lines.append(Text.assemble(line, (f"  {retry}  {why}", self.desk.palette.dim)))
        return lines

    def _status(self) -> Status | None:
        return self.desk.seen(STATUS).value

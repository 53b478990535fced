"""What every page works with: setting, words, colours, the clock and the shelf of answers, frozen or live.

Owns freezing and the helpers that turn foreign values into cells. Refuses to ask the node itself; that is `tui/feed.py`.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct
from rich.text import Text

from node.clock import Clock
from sync.model import Instant
from tui.answers import NodeStatus, Tree
from tui.feed import Question, Seen, Shelf
from tui.marks import State
from tui.palette import DEFAULT_PALETTE, PALETTES, Palette
from tui.questions import TREE
from tui.safe import safe
from tui.setting import Setting
from tui.words import Words

ANCESTORS_MAX = 8
"""A chain of parents longer than this is a loop; there are five levels."""

Shape = TypeVar("Shape", bound=Struct)


class Desk:
    """Shared by all pages of one console."""

    def __init__(self, setting: Setting, clock: Clock, shelf: Shelf) -> None:
        self.setting = setting
        self.words = Words(setting.language, ascii_only=setting.ascii_only, zone=setting.zone)
        self.palette: Palette = PALETTES[DEFAULT_PALETTE]
        self._clock = clock
        self._live = shelf
        self._frozen: Shelf | None = None

    @property
    def is_frozen(self) -> bool:
        """True while the screen stands still; ages go on."""
        return self._frozen is not None

    def turn_freeze(self) -> None:
        """Freeze what is shown, or show live answers again."""
        self._frozen = None if self._frozen else self._live.frozen()

    @property
    def now(self) -> Instant:
        """The monotonic clock."""
        return self._clock.now()

    @property
    def wall_us(self) -> int:
        """The wall clock in microseconds."""
        return self._clock.wall_us()

    def seen(self, question: Question[Shape]) -> Seen[Shape]:
        """What is known about `question`, as of the freeze if there is one."""
        return (self._frozen or self._live).seen(question, self.now)

    def live(self, question: Question[Shape]) -> Seen[Shape]:
        """What is known about `question` now, freeze or not: what a decision rests on."""
        return self._live.seen(question, self.now)

    def tree(self) -> Seen[Tree]:
        """The tree of nodes; every page needs it for the breadcrumb."""
        return self.seen(TREE)

    def value(self, value: object, style: str = "") -> Text:
        """A foreign value as a cell."""
        return safe(value, style or self.palette.text, ascii_only=self.setting.ascii_only)

    def node_name(self, node: NodeStatus) -> str:
        """What people call the node; its id where the terminal cannot draw the name."""
        name = "" if self.setting.ascii_only and not node.name.isascii() else node.name
        return self.words.value(name or node.id)

    def name_of(self, node_id: str) -> str:
        """The name of the node `node_id` if the tree has it, else the id."""
        tree = self.tree().value
        named = [node for node in tree.nodes if node.id == node_id] if tree else []
        return self.node_name(named[0]) if named else self.words.value(node_id)

    def state_of(self, node: NodeStatus, seen: Seen[Tree]) -> State:
        """The state to show for `node`: never better than its age and the API allow."""
        return State.of(node.state, age_of(node.age_s, seen.age_s), answered=seen.answered)

    def figure(self, state: State) -> str:
        """The style of a figure that belongs to something in `state`: grey once stale."""
        return self.palette.stale if state is State.STALE else self.palette.text


def age_of(age_s: float | None, elapsed_s: float | None) -> float | None:
    """The age now of something that was `age_s` old when it arrived `elapsed_s` ago; None when either is unknown."""
    return None if age_s is None or elapsed_s is None else age_s + elapsed_s


def chain(tree: Tree, node_id: str) -> list[NodeStatus]:
    """The known ancestors of `node_id` from the top down, itself last; empty when the tree does not have it."""
    by_id = {node.id: node for node in tree.nodes}
    found: list[NodeStatus] = []
    node = by_id.get(node_id)
    while node is not None and len(found) < ANCESTORS_MAX:
        found.insert(0, node)
        node = by_id.get(node.parent) if node.parent else None
    return found

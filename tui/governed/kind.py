"""What the governance pages need of one kind of matter: its questions, its line in the list, its lines on the page, its decisions.

Owns how a matter's state looks and where it stands in the list: what this node can decide first. The node's words (`takes`, `overdue`,
`is_open`) are shown and never worked out anew. Called by `tui/pages/governance.py`, `tui/pages/oversight.py` and the kinds beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct
from rich.text import Text

from tui.answers import shaped
from tui.client import ArgumentValue
from tui.decision import Blank, Decision, hindrance
from tui.desk import Desk
from tui.feed import Question
from tui.governed.answers import Case
from tui.keys import Key
from tui.marks import marked, unmarked
from tui.pages.deciding_page import DecidingPage
from tui.safe import cut

LISTED_MAX = 200
"""Newest matters of one kind in the list; the command line lists more."""
LASTS_S = 2.0
"""The node folds every case it lists, so a list is not asked every second."""
BRIEF_CELLS = 40
"""What a value of a peer takes at most inside a sentence of the console."""

AnswerT = TypeVar("AnswerT", bound=Struct)
CaseT = TypeVar("CaseT", bound=Case)


class Weight(Enum):
    """How much a matter asks for somebody, as a mark."""

    CALM = " "
    LIVE = "  "
    WARN = "!"
    FAIL = "X"


class Rank(IntEnum):
    """Where a matter stands in the list."""

    MINE = 0
    """This node can decide it now."""
    TROUBLED = 1
    OPEN = 2
    SETTLED = 3


@dataclass(frozen=True, slots=True)
class Matter:
    """One line of the list; texts are foreign and made safe where they are drawn."""

    key: str
    """`kind/id`."""
    state: str
    weight: Weight
    rank: Rank
    about: str
    figure: str
    by: str
    to: str
    due_us: int | None
    at_us: int


def state_badge(shown: str, weight: Weight, desk: Desk, *, stale: bool) -> Text:
    """A state as mark, words and colour."""
    palette = desk.palette
    colours = {Weight.CALM: palette.text, Weight.LIVE: palette.ok, Weight.WARN: palette.warn, Weight.FAIL: palette.fail}
    return marked(weight.value[0], shown, palette.stale if stale else colours[weight])


class MatterKind(ABC, Generic[AnswerT]):
    """One kind of matter."""

    name: ClassVar[str]
    """Names its texts: `console.kind_<name>`, `console.matter_<name>`, `<name>.state_...`."""
    section: ClassVar[str] = ""
    """Section of the list that has them; empty: the one of its name."""
    keys: ClassVar[tuple[Key, ...]] = ()
    """What may be said about one; the node says what may be said now."""

    @property
    @abstractmethod
    def listing(self) -> Question[Struct]:
        """The question that lists them."""

    @abstractmethod
    def shown(self, matter_id: str) -> Question[AnswerT]:
        """The question for one whole."""

    @abstractmethod
    def matters(self, desk: Desk) -> list[Matter]:
        """The lines of the list, as known now."""

    @abstractmethod
    def lines(self, matter: AnswerT, page: DecidingPage, cells: int) -> list[Text]:
        """The lines of one's page."""

    def decision(self, matter_id: str, name: str, desk: Desk) -> Decision | None:
        """What the key `name` opens; None while the matter does not take it."""
        return None

    def opening(self, desk: Desk) -> Decision | None:
        """What opens a new one; None where people open none here."""
        return None


class CaseKind(MatterKind[CaseT]):
    """A kind of which each matter is a case: people say something about it, and the node says what it takes."""

    words: ClassVar[Mapping[str, str]] = {}
    """By name of a key the word of the case, where they differ."""
    typed: ClassVar[frozenset[str]] = frozenset()
    """Words that take effect on records at many nodes: the resource must be typed."""

    @abstractmethod
    def matter(self, case: CaseT, desk: Desk) -> Matter:
        """The line of one case."""

    @abstractmethod
    def parts(self, case: CaseT, page: DecidingPage, cells: int) -> list[Text]:
        """What stands between the state and the history."""

    @abstractmethod
    def sentence_values(self, case: CaseT, desk: Desk) -> dict[str, object]:
        """Values of the sentences `console.say_<kind>_<word>`."""

    def said(self, case: CaseT, word: str) -> tuple[str, tuple[tuple[str, ArgumentValue], ...]]:
        """The verb that says `word`, and its arguments besides `by` and `why`."""
        return f"{self.name}_decide", (("id", case.id), ("fact", word))

    def sentence(self, case: CaseT, word: str) -> str:
        """Name of the sentence that says what will happen."""
        return f"say_{self.name}_{word}"

    def state_name(self, case: CaseT) -> str:
        """The state as the texts name it."""
        return case.state

    def state_words(self, case: CaseT, desk: Desk) -> str:
        """The state in words, without the overdue mark."""
        return desk.words.shared(f"{self.name}.state_{self.state_name(case)}")

    def weight(self, case: CaseT) -> Weight:
        """How much the case asks for somebody."""
        return Weight.WARN if case.overdue else Weight.CALM

    def line(self, case: CaseT, desk: Desk, *, about: str, figure: str, by: str, to: str, settled: bool) -> Matter:
        """The parts of a line that all cases have."""
        weight, shown = self.weight(case), self.state_words(case, desk)
        if case.overdue:
            shown = desk.words.shared("entry.overdue", state=shown)
        troubled = weight in (Weight.WARN, Weight.FAIL)
        rank = Rank.SETTLED if settled else Rank.MINE if case.takes else Rank.TROUBLED if troubled else Rank.OPEN
        return Matter(f"{self.name}/{case.id}", shown, weight, rank, about, figure, by, to, case.due_us, case.opened_us or 0)

    def lines(self, case: CaseT, page: DecidingPage, cells: int) -> list[Text]:
        """Head, what the kind has to say, history."""
        desk, line = page.desk, self.matter(case, page.desk)
        stale = page.problem() is not None
        state = page.named("state", unmarked(state_badge(line.state, line.weight, desk, stale=stale)))
        due = page.named("due", desk.words.time(case.due_us)) if case.due_us is not None else []
        undrawn = page.undrawn(case, f"yunnao {self.command} show {case.id}", cells)
        head = [Text(""), *undrawn, *state, *due]
        tail = [*page.named("opened", desk.words.time(case.opened_us)), *page.named("case", case.id, cells)]
        return [*head, *self.parts(case, page, cells), *tail, *page.history(case.history, cells)]

    @property
    def command(self) -> str:
        """The verb of the command line."""
        return self.name

    def decision(self, matter_id: str, name: str, desk: Desk) -> Decision | None:
        """The decision of the key `name`, when the node says that the case takes it."""
        case, word = desk.seen(self.shown(matter_id)).value, self.words.get(name, name)
        if case is None or word not in case.takes:
            return None
        words, (verb, arguments) = desk.words, self.said(case, word)
        said = words(f"key_{name}")
        what = words("matter_title", what=said[:1].upper() + said[1:], kind=words(f"thing_{self.name}"), id=brief(case.id, desk))
        return Decision(
            verb=verb,
            arguments=arguments,
            title=what,
            sentence=words(self.sentence(case, word), **self.sentence_values(case, desk)),
            affected="",
            button=what,
            needs_why=self.needs_why(case, word),
            hindrance=lambda: self._hindrance(matter_id, word, desk),
            answered=lambda answer: words("decide_moved_to", state=self.state_words(shaped(answer, type(case)), desk)),
            typed=case.resource if word in self.typed else "",
            blanks=self.blanks(word),
            takes_why=self.takes_why(word),
            told=self.told(word),
        )

    def blanks(self, word: str) -> tuple[Blank, ...]:
        """What the dialog asks for besides the reason."""
        return ()

    def takes_why(self, word: str) -> bool:
        """False where the verb that says `word` knows no reason."""
        return True

    def needs_why(self, case: CaseT, word: str) -> bool:
        """True where the verb wants a reason."""
        return "why" in case.takes[word]

    def told(self, word: str) -> Callable[[Mapping[str, str]], Mapping[str, ArgumentValue]]:
        """How what was filled in becomes arguments."""
        return dict

    def _hindrance(self, matter_id: str, word: str, desk: Desk) -> str:
        seen = desk.live(self.shown(matter_id))
        state = self.state_words(seen.value, desk) if seen.value else ""
        return hindrance(desk.words, seen.problem, seen.value.takes if seen.value else None, word, state=state)


def brief(value: object, desk: Desk) -> str:
    """A foreign value inside a sentence of the console."""
    return cut(desk.words.value(value), BRIEF_CELLS)


def proposal(
    desk: Desk, *, kind: str, verb: str, blanks: tuple[Blank, ...], told: Callable[[Mapping[str, str]], Mapping[str, ArgumentValue]]
) -> Decision:
    """The dialog that opens a new matter of a kind."""
    words = desk.words
    return Decision(
        verb=verb,
        arguments=(),
        title=words(f"open_title_{kind}"),
        sentence=words(f"open_{kind}"),
        affected="",
        button=words(f"open_title_{kind}"),
        needs_why=True,
        hindrance=lambda: "",
        answered=lambda answer: words("opened", id=words.value(shaped(answer, Case).id)),
        blanks=blanks,
        told=told,
    )

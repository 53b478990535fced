"""A page on which one key says the next step about an alarm: false alarm, acknowledged, dealt with, open again.

False alarm and acknowledgement go at once, because another key takes them back; what closes or opens otherwise asks for a reason
in the dialog. A subclass names what stands under the cursor, and the rule that made it, which another key opens. Nothing is said in a
read-only console.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from node.incidents.states import PERSONS_STEPS, Step, takes
from tui.camera_answers import rule_key
from tui.decision import Ask, Decision, Do
from tui.keys import INCIDENT_STEPS, RULE, Key
from tui.pages.page import Go, Page
from tui.safe import cut

NAME_CELLS = 40
AT_ONCE = frozenset({Step.DISMISS, Step.ACKNOWLEDGE})


@dataclass(frozen=True, slots=True)
class Subject:
    """What a step is said about."""

    id: str
    """Of an incident, or of an event."""
    state: str
    """As the console last heard it; the node judges by its own."""
    shown: str
    """A foreign text."""
    takes_only: frozenset[Step] = frozenset(PERSONS_STEPS)
    node: str = ""
    """Whose event it is, where it may have opened no incident; a step about an incident finds its node by itself."""


class Stepping(Page):
    """A page with the keys of INCIDENT_STEPS."""

    BINDINGS: ClassVar = [key.binding() for key in (*INCIDENT_STEPS, RULE)]

    @abstractmethod
    def subject(self) -> Subject | None:
        """What stands under the cursor now; None when nothing does."""

    def rule(self) -> tuple[str, str] | None:
        """Camera and rule that made it; None where no rule of this node did."""
        return None

    def own_keys(self) -> Sequence[Key]:
        """The steps that its state takes, and its rule."""
        subject = None if self.desk.setting.read_only else self.subject()
        steps = [key for key, step in zip(INCIDENT_STEPS, _STEPS, strict=True) if subject is not None and _takes(subject, step)]
        return [*steps, *([RULE] if self.rule() is not None else [])]

    def action_rule(self) -> None:
        """Show the rule, or say why there is none."""
        rule = self.rule()
        if rule is None:
            self.tell(self.desk.words("told_no_rule"))
        else:
            self.post_message(Go("rule", rule_key(*rule)))

    def action_step(self, name: str) -> None:
        """Say it, ask for the reason, or say why it cannot be said."""
        words, subject, step = self.desk.words, self.subject(), Step(name)
        if self.desk.setting.read_only:
            self.tell(words("told_read_only"))
        elif subject is None or not _takes(subject, step):
            self.tell(words("told_not_taken", what=words(f"step_{step.value}")))
        else:
            decision = self._decision(subject, step)
            is_quick = step in AT_ONCE and bool(self.desk.setting.person)
            self.post_message(Do(decision) if is_quick else Ask(decision))

    def _decision(self, subject: Subject, step: Step) -> Decision:
        words = self.desk.words
        shown = cut(words.value(subject.shown), NAME_CELLS)

        def answered(answer: Mapping[str, object]) -> str:
            sent = answer.get("sent_steps")
            if isinstance(sent, list) and sent:
                return words("step_sent", what=shown, node=self.desk.name_of(str(sent[-1].get("keeper"))))
            return words("step_done", what=shown, state=words.term("incident", str(answer.get("state") or "open")))

        return Decision(
            verb="incident_step",
            arguments=(("id", subject.id), ("step", step.value), *([("node", subject.node)] if subject.node else [])),
            title=words(f"step_{step.value}"),
            sentence=words(f"step_sentence_{step.value}", what=shown),
            affected="",
            button=words(f"step_{step.value}"),
            needs_why=False,
            hindrance=lambda: "",
            answered=answered,
        )


_STEPS = (Step.DISMISS, Step.ACKNOWLEDGE, Step.RESOLVE, Step.REOPEN)
"""In the order of INCIDENT_STEPS."""


def _takes(subject: Subject, step: Step) -> bool:
    return step in subject.takes_only and takes(subject.state or "open", step)

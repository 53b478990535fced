"""One camera of this node whole: its state with the reason, what looks at it and what that is worth, its rules, and what to do elsewhere.

What this console does not do itself (a zone, a look at the picture) stands as a command; a key puts it on the terminal's clipboard.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.camera_answers import Camera, RuleVerdict
from tui.feed import Question
from tui.keys import CAMERA_COMMANDS, OPEN, Key
from tui.marks import unmarked
from tui.pages.cameras import FIELD_TESTED, camera_state, pace_words, since_s, state_since_us
from tui.pages.detail_page import DetailPage
from tui.pages.verdicts import suggestion_words
from tui.questions import STATUS, rule_verdicts

COMMANDS = {"view": "camera view {camera} --serve", "zone": "camera zone {camera} --page"}
"""By name what is typed after `yunnao`."""


class CameraPage(DetailPage):
    """The camera whose id is `about`."""

    name_key: ClassVar[str] = "camera"
    tab: ClassVar[str] = "cameras"
    unhinted: ClassVar[tuple[Key, ...]] = (OPEN,)
    BINDINGS: ClassVar = [key.binding() for key in CAMERA_COMMANDS]

    def questions(self) -> Sequence[Question[Struct]]:
        """The node's cameras."""
        return (STATUS,)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """How often its rules were right."""
        return (rule_verdicts(self.about),)

    def own_keys(self) -> Sequence[Key]:
        """The commands."""
        return CAMERA_COMMANDS if self._camera() is not None else ()

    def action_copy_command(self, name: str) -> None:
        """Put a command on the terminal's clipboard (OSC 52)."""
        if self._camera() is None:
            return
        self.app.copy_to_clipboard(self.command(name))
        self.tell(self.desk.words("told_command", command=self.command(name)))

    def command(self, name: str) -> str:
        """What to type in a shell of this machine."""
        folder = f" --dir {shlex.quote(self.desk.setting.folder)}" if self.desk.setting.folder else ""
        return f"yunnao{folder} " + COMMANDS[name].format(camera=shlex.quote(self.about))

    def _camera(self) -> Camera | None:
        status = self.desk.seen(STATUS).value
        return next((camera for camera in status.cameras if camera.camera == self.about), None) if status else None

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the camera."""
        camera = self._camera()
        if camera is None:
            return self.missing()
        return [*self._state(camera, cells), *self._analysis(camera, cells), *self._rules(camera, cells), *self._commands(cells)]

    def _state(self, camera: Camera, cells: int) -> list[Text]:
        desk, words = self.desk, self.desk.words
        state = unmarked(camera_state(desk, camera, stale=self.problem() is not None))
        began_us = state_since_us(camera)
        since = words("since", age=words.age(since_s(desk, began_us))) if began_us is not None else ""
        retry = f"  {words('retry_in', age=words.age(camera.retry_in_s))}" if camera.retry_in_s is not None else ""
        named = f"  {camera.name}" if camera.name and camera.name != camera.camera else ""
        return [
            self.field("camera", f"{camera.camera}{named}", f"bold {desk.palette.accent}"),
            self.field("state", Text.assemble(state, (f"  {since}{retry}", desk.palette.dim))),
            *self.named("cause", words.why(camera.why or "", camera=camera.camera), cells),
            self.field("pictures", words("pictures_said", fps=words.number(camera.fps, digits=1), mode=words.term("mode", camera.mode))),
            *self._faults(camera, cells),
        ]

    def _faults(self, camera: Camera, cells: int) -> list[Text]:
        """What went wrong since the node's start; only what did."""
        counts = {name: getattr(camera, name) for name in ("reconnects_per_hour", "stalls", "damaged", "storms")}
        told = [self.desk.words(f"fault_{name}", n=self.desk.words.number(count)) for name, count in counts.items() if count]
        return self.named("faults", self.desk.words("comma").join(told), cells)

    def _analysis(self, camera: Camera, cells: int) -> list[Text]:
        words, palette = self.desk.words, self.desk.palette
        grade = words.term("evidence_grade_long", camera.evidence_grade or "none")
        style = "" if camera.evidence_grade == FIELD_TESTED else f"bold {palette.warn}"
        pace = words("pace_said", pace=pace_words(self.desk, camera), dropped=words.number(camera.dropped))
        lines = [
            Text(""),
            self.field("algorithm", camera.algorithm or "-"),
            self.field("model", words.why(camera.model) or "-"),
            self.field("evidence_grade", grade, style),
            self.field("pace", pace),
            self.field("delay", f"{camera.age_ms:.0f} ms" if camera.age_ms else "-"),
        ]
        if camera.evidence_grade == FIELD_TESTED:
            return lines
        return [*lines, *self.paragraph(words("no_field_test"), cells, style=palette.dim)]

    def _rules(self, camera: Camera, cells: int) -> list[Text]:
        words = self.desk.words
        event = words.age(since_s(self.desk, camera.last_event_us))
        seen = self.desk.seen(rule_verdicts(self.about)).value
        lines = [self.field("last_event", event)]
        if seen is None:
            return lines
        lines.append(self.heading(words("title_rules_right", days=seen.days)))
        if not seen.rules:
            return [*lines, *self.paragraph(words("no_events_in", days=seen.days), cells, indent=2, style=self.desk.palette.dim)]
        return lines + [line for rule in seen.rules for line in self._rule(rule, cells)]

    def _rule(self, rule: RuleVerdict, cells: int) -> list[Text]:
        words = self.desk.words
        counts = {name: words.number(getattr(rule, name)) for name in ("false", "true", "unjudged")}
        lines = self.paragraph(words("verdict_line", rule=words.value(words.rule(rule.rule)), **counts), cells, indent=2)
        if rule.suggestions:
            brief = words("verdict_suggests", what=suggestion_words(self.desk, rule.suggestions[0]))
            lines += self.paragraph(f"! {brief}", cells, indent=4, style=f"bold {self.desk.palette.warn}")
        return lines

    def _commands(self, cells: int) -> list[Text]:
        words = self.desk.words
        lines = [Text(""), self.heading(words("title_commands_elsewhere"))]
        for key, name in zip(CAMERA_COMMANDS, COMMANDS, strict=True):
            said = words("pair", what=words(f"command_{name}"), said=self.command(name))
            lines += self.paragraph(f"{key.shown}  {said}", cells, indent=2)
        return lines

"""The console's words in one language: catalogue texts, ages and numbers, all short enough for a table cell.

Refuses nothing: a term of the node's that the catalogue lacks is shown as the node wrote it, made safe. Called by every page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from node.texts import catalogue, text
from node.texts.reasons import worded
from tui.safe import CUT, VALUE_CHARACTERS_MAX, clean

_AGE_STEPS = (
    ("age_seconds", 1.0, 60.0),
    ("age_minutes", 60.0, 3_600.0),
    ("age_hours", 3_600.0, 86_400.0),
    ("age_days", 86_400.0, 8_640_000.0),
)
_COMPACT_STEPS = ((1_000, ""), (1_000_000, "k"), (1_000_000_000, "M"), (1_000_000_000_000, "G"))
WHOLE_CHARACTERS_MAX = 10 * VALUE_CHARACTERS_MAX
"""Of a text that must be read whole; the facts of a case are shorter."""
SENSOR_RULE = "sensor-"
"""Begins what an incident that an alarm of a sensor opened says of its rule."""
NOTHING = "-"
"""Stands for a figure that nobody gave."""


class _Given(dict[str, str]):
    """Values for a template; one that the node left out shows as `-`."""

    def __missing__(self, key: str) -> str:
        return NOTHING


class Words:
    """Texts of `language`; in ASCII only when `ascii_only`, which then should be English."""

    def __init__(self, language: str, *, ascii_only: bool = False, zone: tzinfo = UTC) -> None:
        self.language = language
        self.ascii_only = ascii_only
        self._zone = zone

    def __call__(self, name: str, /, **values: object) -> str:
        """The text `console.<name>`; raises TextMissing."""
        return text(f"console.{name}", self.language, **values)

    def value(self, value: object) -> str:
        """A foreign value as harmless text."""
        return clean(value, ascii_only=self.ascii_only)

    def whole(self, value: object) -> str:
        """A long foreign text as harmless text, whole up to WHOLE_CHARACTERS_MAX: what is decided on must not be cut unseen."""
        text = str(value)
        starts = range(0, min(len(text), WHOLE_CHARACTERS_MAX), VALUE_CHARACTERS_MAX)
        shown = "".join(self.value(text[start : start + VALUE_CHARACTERS_MAX]) for start in starts)
        return shown + CUT if len(text) > WHOLE_CHARACTERS_MAX else shown

    def shared(self, key: str, **values: object) -> str:
        """A text that the command line has too, by its whole key (`entry.state_live`); its last part where the catalogue has none."""
        template = catalogue(self.language).get(key)
        return self.value(key.rpartition("_")[2]) if template is None else template.format(**values)

    def term(self, group: str, word: object) -> str:
        """The text `console.<group>_<word>`, or the word itself where the catalogue has none."""
        key = f"{group}_{str(word).lower().replace('-', '_')}"
        return catalogue(self.language).get(f"console.{key}", self.value(word))

    def rule(self, name: str) -> str:
        """What made an event or an incident: a rule of a camera by the name that people gave it, or an alarm of a sensor."""
        if name.startswith(SENSOR_RULE):
            return self.term("alarm", name.removeprefix(SENSOR_RULE))
        return self.term("camera_rule", name)

    def why(self, said: str, *, camera: str = "", is_brief: bool = False) -> str:
        """A reason of a camera's processes, as `worded` says it."""
        return worded(said, self.language, camera=camera, is_brief=is_brief)

    def state_word(self, word: str) -> tuple[str, str]:
        """A status word (`state.no_uplink`) as its short text and its explanation; unknown words as they are, unexplained."""
        name = word.removeprefix("state.")
        texts = catalogue(self.language)
        return texts.get(f"state.{name}", self.value(name)), texts.get(f"state.{name}_why", "")

    def reason(self, group: str, code: str, values: Mapping[str, object] | None = None) -> str:
        """The text `console.<group>_<code>` with `values` in its places, or the code itself where the catalogue has none."""
        template = self._template(group, code)
        if template is None:
            return self.value(code)
        return template.format_map(_Given({name: self.value(value) for name, value in (values or {}).items()}))

    def _template(self, group: str, code: str) -> str | None:
        return catalogue(self.language).get(f"console.{group}_{code.lower().replace('-', '_')}")

    def reason_for(self, code: str, outcome: str) -> str:
        """Why something has `outcome`: the text of the two together where there is one, else of the code alone."""
        both = self._template("reason", f"{code}_{outcome}")
        return both if both is not None else self.reason("reason", code)

    def brief_for(self, code: str, outcome: str) -> str:
        """The same in a few words where the catalogue has them, else `reason_for`."""
        few = self._template("brief", f"{code}_{outcome}")
        return few if few is not None else self.reason_for(code, outcome)

    def age(self, seconds: float | None) -> str:
        """An age in at most five cells; `-` when unknown."""
        if seconds is None or seconds != seconds:
            return NOTHING
        seconds = max(0.0, seconds)
        if seconds < 9.95:
            return self("age_seconds", n=f"{seconds:.1f}")
        for name, unit, limit in _AGE_STEPS:
            if seconds < limit:
                return self(name, n=int(seconds / unit))
        return self("age_days", n=">99")

    def time(self, microseconds: int | None) -> str:
        """A wall time to the second in the console's zone; `-` when unknown or absurd."""
        if microseconds is None:
            return NOTHING
        try:
            return datetime.fromtimestamp(microseconds / 1_000_000, tz=self._zone).strftime("%Y-%m-%d %H:%M:%S")
        except (OverflowError, ValueError, OSError):
            return NOTHING

    def number(self, value: float | None, *, digits: int = 0) -> str:
        """A number with thousands separated; `-` when unknown."""
        return NOTHING if value is None else f"{value:,.{digits}f}"

    def compact(self, value: int | None) -> str:
        """A count in at most four characters: 999, 1.2k, 34k, 5.6M; `-` when unknown."""
        if value is None:
            return NOTHING
        for limit, unit in _COMPACT_STEPS:
            if value < limit:
                return _short(value * 1_000 / limit, unit)
        return ">99G"


def _short(amount: float, unit: str) -> str:
    if not unit:
        return str(int(amount))
    tenths = int(amount * 10) / 10
    return f"{tenths:.1f}{unit}" if tenths < 10 else f"{int(amount)}{unit}"

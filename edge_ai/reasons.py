"""Why something is not as it should be: a code with its arguments, which is worded where it is shown, in the language of whoever reads.

It travels in columns that hold a text: the English sentence, then code and arguments as a JSON array, such as
`clip.mp4 is empty: copy the file again ["file-empty","clip.mp4"]`. A node that knows nothing of codes shows the sentence. Owns this form,
its bounds and its reading; what comes is hostile, and whatever is no reason stays the text that it is. The codes and their English
sentences are in edge_ai/sentences.py. Called by edge_ai/errors.py, the workers and node/texts/reasons.py.
"""

from __future__ import annotations

import errno
import string
from dataclasses import dataclass
from functools import cache

import msgspec

from edge_ai.sentences import SENTENCES

TOLD_CHARS_MAX = 400
"""Of a reason as it travels (`Why` in edge_ai/wire/words.py)."""
READ_CHARS_MAX = 1_000
"""Of a text that is looked at for a reason."""
ARGUMENTS_MAX = 8
DEEP_MAX = 4
"""Reasons inside reasons."""
_BEGIN = ' ["'
_SYSTEM_CODES = {
    errno.ECONNREFUSED: "connection-refused", errno.ECONNRESET: "connection-reset", errno.EPIPE: "connection-reset",
    errno.EHOSTUNREACH: "no-route", errno.ENETUNREACH: "network-unreachable", errno.ETIMEDOUT: "no-answer", errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-quota", errno.EACCES: "no-permission", errno.EPERM: "no-permission", errno.EROFS: "read-only",
    errno.EIO: "disk-error", errno.ENOENT: "no-such-file",
}  # fmt: skip
"""What the system means by an error; anything else keeps the system's own words."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of SENTENCES, or one that only a newer program knows, with its arguments in the order of its sentence."""

    code: str
    arguments: tuple[str | Reason, ...] = ()

    def __str__(self) -> str:
        """In English."""
        names = names_of(self.code)
        return SENTENCES[self.code].format(**dict(zip(names, map(str, self.arguments), strict=True)))


def reason(code: str, **arguments: object) -> Reason:
    """A reason of this program; an argument may be one itself, or an error that has one. Everything else is taken as its text."""
    names = names_of(code)
    assert set(names) == set(arguments), f"reason {code} takes {names}"
    return Reason(code, tuple(_argument(arguments[name]) for name in names))


def _argument(value: object) -> str | Reason:
    inner = getattr(value, "reason", value)
    return inner if isinstance(inner, Reason) else str(value)


@cache
def names_of(code: str) -> tuple[str, ...]:
    """Names of the arguments of a code of this program, in the order in which they travel."""
    return names_in(SENTENCES[code])


def names_in(sentence: str) -> tuple[str, ...]:
    """Placeholders of a sentence, each once, in the order in which they come."""
    return tuple(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(sentence) if name))


def system_reason(error: OSError) -> Reason | str:
    """What the system says of an error."""
    code = _SYSTEM_CODES.get(error.errno or 0)
    if code is not None:
        return Reason(code)
    return error.strerror or (Reason("no-answer") if isinstance(error, TimeoutError) else str(error) or type(error).__name__)


# ---- as it travels


def told(said: Reason | str, chars_max: int = TOLD_CHARS_MAX) -> str:
    """The text that travels: the sentence is cut where both do not fit; code and arguments are left out where they do not fit alone."""
    if isinstance(said, str):
        return said[:chars_max]
    tail = " " + msgspec.json.encode(_plain(said)).decode()
    room = chars_max - len(tail)
    sentence = str(said)
    return sentence[:room] + tail if room > 0 else sentence[:chars_max]


def _plain(said: Reason) -> list[object]:
    return [said.code, *(_plain(each) if isinstance(each, Reason) else each for each in said.arguments)]


def split(text: str) -> tuple[str, Reason | None]:
    """The sentence of a text that travelled, and its reason; the whole text and None where it has none. Raises nothing."""
    begin = -1
    if len(text) <= READ_CHARS_MAX and text.endswith("]"):
        while (begin := text.find(_BEGIN, begin + 1)) >= 0:
            if (found := _read(text[begin + 1 :])) is not None:
                return text[:begin], found
    return text, None


def plain(text: str) -> str:
    """The sentence alone, for logs and for what is kept longer than a program."""
    return split(text)[0]


def spoken(text: str) -> Reason | str:
    """What a text that travelled says, to become an argument of another reason."""
    sentence, found = split(text)
    return found if found is not None else sentence


def _read(tail: str) -> Reason | None:
    try:
        return _checked(msgspec.json.decode(tail), DEEP_MAX)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _checked(value: object, deep: int) -> Reason | None:
    """A reason of this form; None for anything else, or where one inside is no reason or too deep."""
    if deep == 0 or not isinstance(value, list) or not 1 <= len(value) <= ARGUMENTS_MAX + 1:
        return None
    code, *arguments = value
    found = [each if isinstance(each, str) else _checked(each, deep - 1) for each in arguments]
    if not isinstance(code, str) or any(each is None for each in found):
        return None
    return Reason(code, tuple(each for each in found if each is not None))

"""What is wrong with a value that does not fit the shape it should have, in words of ours: where, and what is needed there.

Owns the sentence, because the decoder speaks of its own types and places. Refuses nothing and raises nothing; what it does not know is
said in general, so that no word of the decoder comes through. Pure. Called by node/api.py, node/config/check.py and whoever else decodes
what a person wrote.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import msgspec

NAMED_MAX = 20
"""Words that a sentence lists before it stops."""
_PLACE = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_KINDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "nothing", "array": "a list",
    "object": "a table",
}  # fmt: skip
_BOUNDS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}
_GOT = re.compile(r"Expected `([a-z |]+)`, got `(\w+)`")
_LENGTH = re.compile(r"Expected `(str|array|object)` of length (>=|<=)? ?(\d+)(?:, got \d+)?")
_BOUND = re.compile(r"Expected `(?:int|float)` (>=|<=|>|<) ([-+0-9.e]+)")
_PATTERN = re.compile(r"Expected `str` matching regex '(.*)'", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_ENUM = re.compile(r"Invalid enum value (.*)", re.DOTALL)


def misfit(error: Exception, shape: object) -> str:
    """What is wrong, as `'id' must have at least 8 characters`; `error` is what decoding as `shape` raised."""
    if not isinstance(error, msgspec.ValidationError):
        return _unreadable(error)
    words, place = _parted(error)
    for pattern, ending in ((_MISSING, "is missing"), (_UNKNOWN, "is not known")):
        if found := pattern.fullmatch(words):
            hint = _known(shape, place, found[1]) if pattern is _UNKNOWN else ""
            return f"'{(place + '.' + found[1]).lstrip('.')}' {ending}{hint}"
    return f"{_named(place)} {_needed(words, shape, place)}"


def needed(error: msgspec.ValidationError, shape: object) -> str:
    """The same where the value is named already: `it must be true or false, not text`; a place inside of it is named."""
    words, place = _parted(error)
    return f"{'its ' + place if place else 'it'} {_needed(words, shape, place)}"


def _unreadable(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "tables or lists are inside each other too deep to be read"
    return "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else "it is no JSON, or was cut off"


def _parted(error: msgspec.ValidationError) -> tuple[str, str]:
    """The decoder's sentence without its place, and the place as `.rows[0].device`, without the first point."""
    text = str(error)
    at = _PLACE.search(text)
    return (text[: at.start()], at[1].removeprefix(".")) if at else (text, "")


def _named(place: str) -> str:
    return f"'{place}'" if place else "what is given"


def _needed(words: str, shape: object, place: str) -> str:
    if found := _GOT.fullmatch(words):
        kinds = [_KINDS.get(kind, kind) for kind in found[1].split(" | ")]
        return f"must be {' or '.join(kinds)}, not {_KINDS.get(found[2], found[2])}"
    if found := _LENGTH.fullmatch(words):
        most = f"{_BOUNDS[found[2]]} " if found[2] else ""
        return f"must have {most}{found[3]} {'characters' if found[1] == 'str' else 'entries'}"
    if found := _BOUND.fullmatch(words):
        return f"must be {_BOUNDS[found[1]]} {float(found[2]):.15g}"
    if found := _PATTERN.fullmatch(words):
        return f"is written wrongly: it must be of the form {found[1]}"
    if found := _ENUM.fullmatch(words):
        allowed = [str(word) for word in _words_of(_inside(shape, place))]
        return f"= {found[1][:60]} is none of {_listed(allowed)}" if allowed else f"= {found[1][:60]} is not known"
    return "does not fit"


def _listed(words: list[str]) -> str:
    return ", ".join(word or "''" for word in words[:NAMED_MAX]) + (", ..." if len(words) > NAMED_MAX else "")


def _known(shape: object, place: str, name: str) -> str:
    """What may stand there instead: the nearest name, else all."""
    struct = next((each for each in _parts(_inside(shape, place)) if isinstance(each, type) and issubclass(each, msgspec.Struct)), None)
    if struct is None:
        return ""
    names = list(struct.__struct_encode_fields__)
    close = difflib.get_close_matches(name, names, n=1)
    return f": did you mean '{close[0]}'?" if close else f": known are {_listed(names)}" if names else ": nothing is asked for here"


def _inside(shape: object, place: str) -> object:
    """The type at a place of a shape; None where it cannot be told."""
    for name, _ in _STEP.findall(f".{place}" if place and not place.startswith("[") else place):
        steps = [_step(each, name) for each in _parts(shape)]
        shape = next((each for each in steps if each is not None), None)
    return shape


def _step(shape: object, name: str) -> object:
    if name:
        is_struct = isinstance(shape, type) and issubclass(shape, msgspec.Struct)
        return get_type_hints(shape, include_extras=True).get(name) if is_struct else None
    inner = [each for each in get_args(shape) if each is not Ellipsis]
    return inner[-1] if get_origin(shape) in (list, tuple, dict) and inner else None


def _parts(shape: object) -> list[object]:
    """A type without its bounds, or those that a union is made of."""
    if get_origin(shape) is Annotated:
        return _parts(get_args(shape)[0])
    if get_origin(shape) in (Literal, list, tuple, dict) or not get_args(shape):
        return [shape]
    return [part for each in get_args(shape) for part in _parts(each)]


def _words_of(shape: object) -> list[object]:
    return [word for each in _parts(shape) if get_origin(each) is Literal for word in get_args(each)]

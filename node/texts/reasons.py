"""A reason of an edge AI process in the language of whoever reads: its code and arguments, worded by the catalogue of texts.

The form in which it travels is edge_ai/reasons.py. A text without a code, as older programs send it, is shown as it came, and so is the
sentence of a code that only newer ones know. Called by the console and by the verbs that show cameras and models.
"""

from __future__ import annotations

from edge_ai.reasons import Reason, names_of, split
from edge_ai.sentences import SENTENCES
from node.texts import text

PLACED = ("of-camera", "at-address")
"""Codes that only say where something is, and then what."""


def worded(said: str, language: str, *, camera: str = "", is_brief: bool = False) -> str:
    """What `said` means; its camera is not named again where it stands beside the text as `camera`. Raises nothing for any text.

    `is_brief` leaves the camera's address out too: for a cell of a table, which has room for one thing.
    """
    sentence, found = split(said)
    if found is None:
        # A word alone is a code too: `disk-full` of an event without its picture.
        return _of(Reason(said), language) or said
    while found.code in PLACED and len(found.arguments) == 2 and (found.arguments[0] == camera or (is_brief and found.code != "of-camera")):
        inner = found.arguments[1]
        if isinstance(inner, str):
            return inner
        found, sentence = inner, sentence.removeprefix(f"camera {camera}: ")
    return _of(found, language) or sentence


def _of(found: Reason, language: str) -> str:
    """The sentence; empty where this program does not know the code, of it or of one inside, with as many arguments."""
    if found.code not in SENTENCES or len(found.arguments) != len(names := names_of(found.code)):
        return ""
    inner = [each if isinstance(each, str) else _of(each, language) for each in found.arguments]
    if any(isinstance(each, Reason) and not words for each, words in zip(found.arguments, inner, strict=True)):
        return ""
    return text(f"reason.{found.code}", language, **dict(zip(names, inner, strict=True)))

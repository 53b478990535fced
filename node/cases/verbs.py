"""What the verbs of the local API about cases have in common: the bounds of their arguments and the shape of their tables.

Called by the api modules of every kind of case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

LISTED_MAX = 1_000
"""Cases that one list shows."""
WORDS_CHARS_MAX = 2_000

Plain = dict[str, Any]
CaseId = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[str, Meta(max_length=WORDS_CHARS_MAX)]
Why = Annotated[str, Meta(min_length=1, max_length=WORDS_CHARS_MAX)]
"""A reason that must be given."""
Name = Annotated[str, Meta(min_length=1, max_length=200)]
NodeName = Annotated[str, Meta(max_length=63)]
"""Empty where none is named."""
Table = dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]
"""By verb its arguments and its answer."""


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest cases."""

    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One case."""

    id: CaseId

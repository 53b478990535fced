"""The closed sets of the policy model: verdicts, ways, grades, share types, roles, reasons.

Owns the order of strictness and nothing else. Used by every module of this package and by whoever shows its words.
"""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum
from functools import cache
from typing import TypeVar

from policies.errors import BundleError
from sync.model import Direction

GRADES = (1, 2, 3, 4)
"""L1 to L4, strictest last."""
PROVISIONAL_GRADE = 3
"""What an ungraded resource counts as until its owner grades it."""


class Verdict(IntEnum):
    """What a rule makes of a record; strictness rises, and rules combine to the strictest."""

    ALLOW = 0
    MASK = 1
    VERIFY = 2
    AGGREGATE = 3
    HOLD = 4
    DENY = 5

    @property
    def word(self) -> str:
        """The lower-case name used in bundles, explanations and screens."""
        return self.name.lower()

    @property
    def passes(self) -> bool:
        """True when the record itself may go, masked or not."""
        return self <= Verdict.MASK

    @property
    def closes(self) -> bool:
        """True when a resource with this verdict opens no stream at all."""
        return self in (Verdict.VERIFY, Verdict.AGGREGATE, Verdict.DENY)


class Way(StrEnum):
    """The directions a policy may speak of; links carry the first two (`sync.model.Direction`)."""

    UP = "up"
    RETURN = "return"
    SIDEWAYS = "sideways"
    PEER = "peer"
    OPEN = "open"

    @classmethod
    def of(cls, direction: Direction) -> Way:
        """The way of a link's direction."""
        return _WAYS[direction]


_WAYS = {Direction.UP: Way.UP, Direction.RETURN: Way.RETURN}


class Distance(IntEnum):
    """How far a target is from the record's origin along the attachment tree; skipped levels do not count."""

    OWN = 0
    PARENT = 1
    ABOVE = 2

    @classmethod
    def of(cls, hops: int) -> Distance:
        """The bucket of a number of hops."""
        return cls(min(max(hops, 0), 2))


class Share(Enum):
    """Share type of a resource; NONE is valid only with a live negative-list entry."""

    UNCONDITIONAL = "unconditional"
    CONDITIONAL = "conditional"
    NONE = "none"


SHARE_ORDER = (Share.UNCONDITIONAL, Share.CONDITIONAL, Share.NONE)
"""The strictest last."""


class Mode(Enum):
    """How upper nodes get at a resource."""

    REPLICATE = "replicate"
    IN_PLACE = "in-place"
    SUMMARY = "summary"


class Role(Enum):
    """What a field says about a person."""

    DIRECT_ID = "direct-id"
    QUASI_ID = "quasi-id"
    SENSITIVE = "sensitive"
    PLAIN = "plain"


class National(Enum):
    """National grade of the data security law: general, important, core."""

    GENERAL = "general"
    IMPORTANT = "important"
    CORE = "core"


NATIONAL_ORDER = (National.GENERAL, National.IMPORTANT, National.CORE)
"""The strictest last."""


class Reason(IntEnum):
    """Class of the reason something is withheld; the word travels, the number only ranks equal verdicts."""

    NONE = 0
    DEFAULT = 1
    CEILING = 2
    NO_GRANT = 3
    UNCLASSIFIED = 4
    STALE_POLICY = 5
    PROVISIONAL_HOLD = 6
    NEGATIVE_LIST = 7
    LEGAL_FLOOR = 8
    OLD_PEER = 9
    """The program at the next node passes no sealed envelopes on."""
    FOSTER_PARENT = 11
    """The parent is none of the territory chain: what is for those above it goes past it in envelopes."""
    NOT_ADDRESSED = 10
    """A sealed envelope that is for somebody else than those this way."""

    @property
    def word(self) -> str:
        """The word that travels in runs and names a text (`policy.reason_...`); empty for NONE."""
        return "" if self is Reason.NONE else self.name.lower().replace("_", "-")


LEGAL_FLOOR_CATEGORIES = frozenset({"state-secret", "face-template"})
"""Categories that never leave their node; no operator and no bundle switches this off."""

_E = TypeVar("_E", bound=Enum)


def from_word(kind: type[_E], word: str, *, what: str) -> _E:
    """The member of `kind` whose value is `word`; BundleError names `what` and the words that would do."""
    found = _by_word(kind).get(word)
    if not isinstance(found, kind):
        known = ", ".join(str(getattr(member, "word", member.value)) for member in kind)
        raise BundleError(f"{what} {word!r} is not one of {known}")
    return found


@cache
def _by_word(kind: type[Enum]) -> dict[object, Enum]:
    """Members by value and by word; of two that share one, the first."""
    found: dict[object, Enum] = {}
    for member in kind:
        for name in (member.value, getattr(member, "word", member.value)):
            found.setdefault(name, member)
    return found

"""Grants: what one requester may be given of a resource, for which purpose and how long. A value; who grants is the node's business.

Refuses nothing by itself: a grant only turns the "grant, else verify" of the ceiling and a missing grant of the share type into a pass for
the fields it names. Called by the compiler and by the release of granted rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.catalogue import COMMON_COLUMNS, Resource

PURPOSES = ("emergency", "city-management", "statistics", "verification", "assessment", "training", "open")
"""Roots of the tree of purposes; a code may go on behind a slash: `statistics/census`."""
VERIFICATION = "verification"
"""Purpose of a yes or no on one subject (一件事); for that alone it counts as the grant of a conditional resource, up to L3."""
GRANTED_GRADE_MAX = 3
"""Up to this grade a grant lets rows pass where the ceiling says "grant, else verify"; above it stays a yes or no."""


def is_purpose(code: str) -> bool:
    """True for a code of the tree of purposes."""
    return code.split("/", 1)[0] in PURPOSES


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as the provider's gate needs it."""

    id: str
    resource: str
    fields: tuple[str, ...]
    """Columns given, common ones among them; every other is withheld."""
    purpose: str
    valid_from_us: int
    valid_to_us: int
    """First microsecond past the grant."""
    asked: str = ""
    """Rows as the requester asked for them: a predicate over what is given, judged after the masks."""
    limit: str = ""
    """Rows as the provider narrowed them: a predicate over what is stored."""

    def is_live(self, now_us: int) -> bool:
        """True inside its dates."""
        return self.valid_from_us <= now_us < self.valid_to_us

    def unknown_in(self, resource: Resource) -> tuple[str, ...]:
        """Fields that the catalogue does not know."""
        known = {*COMMON_COLUMNS, *(item.name for item in resource.fields)}
        return tuple(sorted(set(self.fields) - known))

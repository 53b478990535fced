"""When a node's certificates fall due: a pure function of their dates and of now, so that ninety days offline are a test of a millisecond.

Owns: the table of duties and the moment of the next look. Refuses to read a clock or a file. Called by node/identity/certificate_keeper.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cryptography import x509

from node.identity.certificates import BACKDATE_US
from sync.model import MICROSECONDS

LOOK_MAX_S = 60.0
"""Longest wait between two looks at the dates."""
LOOK_MIN_S = 0.5
ASK_SHARE = 0.05
"""A parent is asked again after this share of the certificate's life, between the two bounds above."""
LAST_QUARTER = 0.25
"""Share of a life that is left when a certificate which should have been renewed becomes an operator's concern."""


class Duty(Enum):
    """What the node has to renew."""

    LEAF = "leaf"
    """Its own end of links: issued by its own CA, nobody is asked."""
    CA = "ca"
    """Its own CA, or one above it: the parent issues and shows the newest."""


@dataclass(frozen=True, slots=True)
class Dates:
    """The life of one certificate, microseconds since 1970 UTC."""

    issued_us: int
    end_us: int

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Dates:
        """The dates of `certificate`; its life begins when it was issued, which is later than its first valid second."""
        start_us = int(certificate.not_valid_before_utc.timestamp()) * MICROSECONDS
        return cls(start_us + BACKDATE_US, int(certificate.not_valid_after_utc.timestamp()) * MICROSECONDS)

    @property
    def life_us(self) -> int:
        """From issue to end."""
        return self.end_us - self.issued_us

    def is_past(self, share: float, now_us: int) -> bool:
        """True when more than `share` of the life is over, or when the life has not begun: the clock stepped back since the issue."""
        return now_us < self.issued_us - BACKDATE_US or now_us > self.issued_us + share * self.life_us


@dataclass(frozen=True, slots=True)
class Standing:
    """The dates of one node's chain, and how long it wants its leaf to live."""

    leaf: Dates
    ca: Dates
    above: tuple[Dates, ...]
    """Of the CAs above, the parent's first; empty at the top."""
    leaf_life_us: int

    @classmethod
    def of(cls, chain: Sequence[x509.Certificate], *, leaf_life_s: int) -> Standing:
        """The standing of a chain, leaf first, without the root."""
        leaf, ca, *above = (Dates.of(certificate) for certificate in chain)
        return cls(leaf, ca, tuple(above), leaf_life_s * MICROSECONDS)


def duties(standing: Standing, now_us: int) -> frozenset[Duty]:
    """What is due at `now_us`: a certificate at half of its life, and the chain when one above is in its last quarter."""
    due = set()
    wanted = Dates(standing.leaf.issued_us, min(standing.leaf.end_us, standing.leaf.issued_us + standing.leaf_life_us))
    if wanted.is_past(0.5, now_us):
        due.add(Duty.LEAF)
    if standing.ca.is_past(0.5, now_us) or any(dates.is_past(1 - LAST_QUARTER, now_us) for dates in standing.above):
        due.add(Duty.CA)
    return frozenset(due)


def is_overdue(standing: Standing, now_us: int) -> bool:
    """True when a certificate of the chain is in its last quarter although it should have been renewed long before."""
    return any(dates.is_past(1 - LAST_QUARTER, now_us) for dates in (standing.leaf, standing.ca, *standing.above))


def passed_us(signed_us: int, *, wall_us: int, ca: Dates) -> int:
    """The moment that has passed for certain when a parent signed `signed_us`.

    A plausible own clock must agree, or one parent with a wrong clock would push all below it into the future for good; a clock that
    shows a time before the own CA was issued has no say.
    """
    is_plausible = wall_us >= ca.issued_us - BACKDATE_US
    return min(signed_us, wall_us) if is_plausible else signed_us


def next_look_s(standing: Standing, now_us: int) -> float:
    """Seconds until the dates must be looked at again: the next half life, or the next try of what is due, never over LOOK_MAX_S."""
    leaf_us = min(standing.leaf.life_us, standing.leaf_life_us)
    halves = (standing.leaf.issued_us + leaf_us // 2, standing.ca.issued_us + standing.ca.life_us // 2)
    waits = [(half - now_us) / MICROSECONDS for half in halves if half > now_us]
    if duties(standing, now_us):
        waits.append(ASK_SHARE * min(leaf_us, standing.ca.life_us) / MICROSECONDS)
    return min(max(min(waits, default=LOOK_MAX_S), LOOK_MIN_S), LOOK_MAX_S)

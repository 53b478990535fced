"""A point of the camera directory: one camera of the city, whoever runs it, as the directory tells it. Pure values.

Owns the words for tiers, states and datums. Called by the other modules of the directory and by node/gb28181.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

TEXT_CHARS_MAX = 200
TIER_MAX = 3
"""Video points of class 1 (public security), 2 (other departments) and 3 (society); 0: not said."""


class PointState(Enum):
    """Whether a camera gives pictures."""

    ONLINE = "online"
    OFFLINE = "offline"
    FAULT = "fault"
    UNKNOWN = "unknown"
    """Entered, and nobody has said yet."""
    REMOVED = "removed"
    """Taken down; kept as a row so that levels above hear of it."""


class Datum(Enum):
    """What coordinates are measured against; maps of the internet in China use GCJ-02, which lies up to 700 m beside CGCS2000."""

    CGCS2000 = "CGCS2000"
    GCJ02 = "GCJ-02"


@dataclass(frozen=True, slots=True)
class Card:
    """What people enter of a camera."""

    territory: str
    name: str = ""
    tier: int = 0
    owner: str = ""
    longitude: float | None = None
    latitude: float | None = None
    datum: str = ""
    """A word of Datum; empty where there are no coordinates."""
    address: str = ""
    maker: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One camera."""

    code: str
    card: Card
    state: PointState = PointState.UNKNOWN
    state_since_us: int = 0
    """Wall clock; 0 when it is not known."""
    camera: str = ""
    """Id of the camera at the node that watches it; empty where no node does."""

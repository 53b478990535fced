"""Links as numbers: what a simulated link carries, how late, and what it loses. Profiles come from a table here or from a topology file.

The built-in ones are round figures for planning, not promises of an operator; measure a real link with `ping` and a transfer, and write
what was found into the topology file.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.model import ModelError

RATE_KBIT_S_MAX = 100_000_000
DELAY_MS_MAX = 60_000.0


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """One kind of link."""

    rate_kbit_s: int
    """What it carries each way, kbit/s of payload."""
    delay_ms: float
    """One way, milliseconds."""
    jitter_ms: float = 0.0
    """Added at random, up to this much, milliseconds."""
    loss: float = 0.0
    """Share of messages whose loss ends a session, 0 to 1; what TCP repairs by itself belongs into the delay."""

    def __post_init__(self) -> None:
        if not 1 <= self.rate_kbit_s <= RATE_KBIT_S_MAX:
            raise ModelError(f"rate_kbit_s {self.rate_kbit_s} refused: 1 to {RATE_KBIT_S_MAX}")
        if not 0 <= self.delay_ms <= DELAY_MS_MAX or not 0 <= self.jitter_ms <= DELAY_MS_MAX:
            raise ModelError(f"delay_ms {self.delay_ms:g} with jitter_ms {self.jitter_ms:g} refused: 0 to {DELAY_MS_MAX:g} each")
        if not 0 <= self.loss < 1:
            raise ModelError(f"loss {self.loss:g} refused: a share from 0 to below 1")


PROFILES = {
    "lan": LinkProfile(1_000_000, 0.3, 0.2),
    "fibre": LinkProfile(100_000, 2, 1),
    "city-net": LinkProfile(20_000, 5, 5),
    "4g": LinkProfile(5_000, 40, 30, 0.0005),
    "2g": LinkProfile(50, 300, 100, 0.002),
    "satellite": LinkProfile(1_000, 300, 20, 0.001),
}
"""Built-in profiles by name."""

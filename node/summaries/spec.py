"""What a summary asks: one resource, a closed window, time buckets, a territory tier and a filter."""

from __future__ import annotations

import msgspec

from node.misfit import misfit
from node.summaries.errors import SummaryError
from node.untrusted import UNREADABLE
from sync.model import MICROSECONDS, TERRITORY_DIGITS, ModelError, check_resource

BUCKETS_MAX = 100_000
"""Time buckets one window may have."""
QUANTILES_MAX = 16
"""Quantiles one summary may ask for."""
TIME_US_MAX = 1 << 53
"""Latest moment a window may name: 8.9 million days, and exact in every JSON reader."""


class SummarySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Count, mean, min, max, distinct devices and quantiles of `value`, by time bucket, territory and quantity."""

    resource: str
    from_us: int
    """Start of the window, microseconds since 1970 UTC, inclusive."""
    to_us: int
    """End of the window, exclusive."""
    bucket_s: int = 3600
    territory_digits: int = 9
    """Tier of the territory codes to group by; 9 is the street."""
    quantity: str = ""
    """Only this quantity; empty for all."""
    quantiles: tuple[float, ...] = (0.95,)

    def checked(self) -> SummarySpec:
        """This spec if it makes sense; raises SummaryError naming the field."""
        try:
            check_resource(self.resource)
        except ModelError as error:
            raise SummaryError(str(error)) from None
        if self.territory_digits not in TERRITORY_DIGITS:
            raise SummaryError(f"territory_digits {self.territory_digits} refused: one of {TERRITORY_DIGITS}")
        if self.bucket_s <= 0 or not 0 <= self.from_us < self.to_us <= TIME_US_MAX:
            raise SummaryError(f"window {self.from_us}..{self.to_us} in buckets of {self.bucket_s} s refused: it must be positive")
        if (self.to_us - self.from_us) / (self.bucket_s * MICROSECONDS) > BUCKETS_MAX:
            raise SummaryError(f"window refused: more than {BUCKETS_MAX} buckets of {self.bucket_s} s")
        if len(self.quantiles) > QUANTILES_MAX or not all(0.0 < quantile < 1.0 for quantile in self.quantiles):
            raise SummaryError(f"quantiles {self.quantiles[:QUANTILES_MAX]} refused: at most {QUANTILES_MAX}, each between 0 and 1")
        return self


def decode_spec(body: bytes) -> SummarySpec:
    """A spec from JSON; raises SummaryError."""
    try:
        return msgspec.json.decode(body, type=SummarySpec).checked()
    except UNREADABLE as error:
        raise SummaryError(f"summary spec refused: {misfit(error, SummarySpec)}") from None

"""The pulse of a link: how often this end speaks on it, and how long the other may be silent.

A heartbeat carries statuses, which on a thin link must not crowd out records: it takes at most HEARTBEAT_SHARE of the measured rate.
Both ends speak at least every BEAT_S_MAX, so a peer of which nothing came for longer than the time without progress and one such pause
is gone, whatever TCP believes: half-open, one-way and silently cut links are found here. Called by speaking.py.
"""

from __future__ import annotations

from sync.model import Instant, Limits

HEARTBEAT_SHARE = 0.02
"""Part of the link's rate that heartbeats may take."""
BEAT_S_MAX = 8.0
"""The longest pause between two heartbeats; below the age at which a status counts as stale."""


class Pulse:
    """One end's beat, and what it hears of the other."""

    def __init__(self, limits: Limits, now: Instant) -> None:
        self._beat_s = min(limits.heartbeat_s, BEAT_S_MAX)
        self._silence_s = limits.progress_timeout_s + BEAT_S_MAX
        self._heard_at = now
        self._heard = 0

    @property
    def silence_s(self) -> float:
        """Seconds without a word after which the peer counts as gone."""
        return self._silence_s

    def pause_s(self, *, beat_bytes: int, rate_bytes_s: float) -> float:
        """Seconds until the next heartbeat after one of `beat_bytes`; a rate of 0 means that the link was not measured yet."""
        if not rate_bytes_s:
            return self._beat_s
        return min(max(self._beat_s, beat_bytes / (rate_bytes_s * HEARTBEAT_SHARE)), BEAT_S_MAX)

    def is_silent(self, heard: int, now: Instant) -> bool:
        """True when of the peer, which has sent `heard` messages by now, nothing came for too long."""
        if heard != self._heard:
            self._heard, self._heard_at = heard, now
        return now.seconds_since(self._heard_at) >= self._silence_s

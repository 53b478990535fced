"""The pulse: heartbeats make room for records on a thin link, and a silent peer is gone after a known time."""

from __future__ import annotations

from node.links.pulse import BEAT_S_MAX, Pulse
from sync.model import Instant, Limits

NOW = Instant(0)
LIMITS = Limits()


def test_a_fast_link_beats_as_configured() -> None:
    assert Pulse(LIMITS, NOW).pause_s(beat_bytes=1_000, rate_bytes_s=1e6) == LIMITS.heartbeat_s
    assert Pulse(LIMITS, NOW).pause_s(beat_bytes=1_000, rate_bytes_s=0) == LIMITS.heartbeat_s


def test_on_a_thin_link_heartbeats_take_their_share_and_no_more() -> None:
    assert Pulse(LIMITS, NOW).pause_s(beat_bytes=700, rate_bytes_s=6_250) == 5.6


def test_however_thin_the_link_the_other_end_hears_in_time() -> None:
    assert Pulse(LIMITS, NOW).pause_s(beat_bytes=100_000, rate_bytes_s=100) == BEAT_S_MAX


def test_a_peer_that_says_something_now_and_then_is_there() -> None:
    pulse = Pulse(LIMITS, NOW)
    assert not any(pulse.is_silent(second // 20, NOW.plus(second)) for second in range(200))


def test_a_peer_that_says_nothing_is_gone() -> None:
    pulse = Pulse(LIMITS, NOW)
    assert not pulse.is_silent(5, NOW.plus(1))
    assert not pulse.is_silent(5, NOW.plus(pulse.silence_s))
    assert pulse.is_silent(5, NOW.plus(1 + pulse.silence_s))

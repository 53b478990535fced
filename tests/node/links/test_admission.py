"""The link door: the configured tokens against the node's clock."""

from __future__ import annotations

from node.config.model import LinksSection
from node.links.admission import LinkDoor
from sync.model import Instant


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = Instant(0)

    def now(self) -> Instant:
        return self.at

    def wall_us(self) -> int:
        return self.at.us


def test_the_configured_rate_and_burst_are_kept() -> None:
    clock = Hand()
    door = LinkDoor(LinksSection(admit_per_s=2.0, admit_burst=3), clock)
    assert [door.ask(bytes([number]), 0) for number in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.at = clock.at.plus(0.5)
    assert door.ask(bytes([3]), 0) == 0.0


def test_the_configured_handshakes_are_the_most() -> None:
    assert LinkDoor(LinksSection(handshakes_max=1), Hand()).ask(b"a", 1) > 0.0

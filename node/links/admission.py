"""The parent's door for links: admission tokens against this node's clock. Called by the link server, before anything of a child is
verified."""

from __future__ import annotations

from node.clock import Clock
from node.config.model import LinksSection
from sync.core.admission import Admission


class LinkDoor:
    """Who may begin a link now."""

    def __init__(self, links: LinksSection, clock: Clock) -> None:
        self._admission = Admission(per_s=links.admit_per_s, burst=links.admit_burst, shaking_max=links.handshakes_max)
        self._clock = clock

    def ask(self, child: bytes, shaking: int) -> float:
        """0 when the child with this certificate may begin, beside `shaking` handshakes in progress; else seconds until it may ask
        again."""
        return self._admission.ask(child, self._clock.now(), shaking=shaking)

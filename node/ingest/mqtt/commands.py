"""Commands to devices as a source of messages: a client may subscribe to its own command topics and gets what the outbox has for it.

Nothing else can be subscribed to. Without an outbox nothing can. Called by the sessions of the door.
"""

from __future__ import annotations

from collections.abc import Callable

from node.ingest.mqtt.filters import SHARED_PREFIX, is_filter, matches
from node.ingest.mqtt.packets import Delivery, Filter, Granted, Properties, Publish
from node.ingest.mqtt.session import Session
from node.ingest.outgoing import ANSWER_NAME, Outbox, Outgoing, command_topic

FILTERS_MAX = 16
"""Filters of one session: its command topics need one."""
WAITING_MAX = 16
"""Commands of one client that are looked at at once."""
COMMAND_QOS_MAX = 1


class CommandSource:
    """The commands of one outbox, which may be missing."""

    def __init__(self, wall_us: Callable[[], int]) -> None:
        self._wall_us = wall_us
        self.outbox: Outbox | None = None

    def grant(self, session: Session, wanted: Filter) -> Granted:
        """Only below command/<own client id>/, at QoS 1 at most."""
        pattern, own = wanted.pattern, command_topic(session.client, "")
        if pattern.startswith(SHARED_PREFIX):
            return Granted.SHARED
        if not is_filter(pattern):
            return Granted.BAD_FILTER
        if self.outbox is None or not pattern.startswith(own) or "+" in own or "#" in own:
            return Granted.NOT_PERMITTED
        if pattern not in session.filters and len(session.filters) >= FILTERS_MAX:
            return Granted.QUOTA
        return Granted(min(wanted.qos, COMMAND_QOS_MAX))

    def subscribed(self, session: Session, wanted: Filter, *, is_new: bool) -> None:
        """What waits is handed out."""
        del wanted, is_new
        session.outbound.pump()

    def next(self, session: Session) -> Delivery | None:
        """The oldest command that is neither in flight nor expired and that a filter of the session takes."""
        if self.outbox is None or not session.filters:
            return None
        for waiting in self.outbox.waiting(session.client)[:WAITING_MAX]:
            if session.outbound.is_flying(waiting.message_id) or self._is_late(waiting):
                continue
            topic = command_topic(session.client, waiting.name)
            granted = [each.qos for each in session.filters.values() if matches(each.pattern, topic)]
            if granted:
                return self._delivery(session.client, topic, waiting, max(granted))
        return None

    def handed_over(self, session: Session, key: str) -> None:
        """The outbox lets it go."""
        if self.outbox is not None:
            self.outbox.handed_over(session.client, key)

    def taken_in(self, session: Session, publish: Publish) -> None:
        """Devices hear nothing of each other."""

    def forgotten(self, session: Session) -> None:
        """The outbox keeps what waits, whether there is a session or not."""

    def _is_late(self, waiting: Outgoing) -> bool:
        return waiting.expires_us is not None and waiting.expires_us <= self._wall_us()

    def _delivery(self, client: str, topic: str, waiting: Outgoing, granted: int) -> Delivery:
        properties = Properties(
            payload_format=1,
            content_type="application/json",
            response_topic=command_topic(client, ANSWER_NAME),
            correlation=waiting.message_id.encode(),
        )
        return Delivery(topic, waiting.payload, min(waiting.qos, granted), waiting.message_id, False, waiting.expires_us, properties)

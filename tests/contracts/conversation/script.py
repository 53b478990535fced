"""What the two nodes do by themselves while a conversation is recorded, and do again while it is played to a live node.

An act is one thing that one end does; its name stands on the tape. Between acts everything that was said is delivered, in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from node.attachment.orders import ORDER_FORMAT, Order, Place, Signer, give_order
from node.fork.reseed import wish_reseed
from node.identity.files import IdentityFiles
from node.repair.wire import REPAIR, AskedRun, Question
from node.summaries.pull import PULL_VERB
from node.summaries.spec import SummarySpec
from policies.catalogue import Scalar
from sync.core.messages import Orders, Query, Stop
from sync.model import MICROSECONDS, Lane
from tests.contracts.conversation.ends import End
from tests.contracts.conversation.people import BEGAN_US, CHILD, PARENT

WAIT_S = 10.0
"""Longer than any lane lingers."""
PROTECTED = "protected"
"""Category of residents that the shipped negative-list entry withholds."""

Act = Callable[[End], None]
Acts = Sequence[tuple[str, str]]
"""(node, act) in order."""

PLACE = "370202001001001"
ELSEWHERE = "370102001001001"
"""In another city: the child may not speak of it."""


def _readings(first: int, count: int, *, territory: str = PLACE) -> list[dict[str, Scalar]]:
    return [
        {"device": f"air-{number:04}", "event_time": BEGAN_US + number * MICROSECONDS, "value": number / 2, "territory": territory}
        for number in range(first, first + count)
    ]


def _offers_in_every_lane(end: End) -> None:
    end.offer("incidents", [{"incident_id": "i-1", "event_id": "e-1", "territory": PLACE}], Lane.ALARM)
    end.offer("camera-events", [{"event_id": f"e-{number}", "territory": PLACE} for number in (1, 2)], Lane.EVENT)
    residents: list[dict[str, Scalar]] = [{"resident_id": f"r-{number}", "territory": PLACE[:12]} for number in (1, 2, 3)]
    end.offer("residents", [*residents, {"resident_id": "r-4", "territory": PLACE[:12], "category": PROTECTED}], Lane.STATE)
    end.offer("device-registry", [{"device": "air-0001", "territory": PLACE}], Lane.STATE)
    end.offer("air-quality", _readings(1, 5), Lane.BULK)
    end.offer("camera-evidence", [{"event_id": "e-1", "territory": PLACE}], Lane.BLOB)


def _offers_what_lies_elsewhere(end: End) -> None:
    end.offer("air-quality", _readings(100, 2, territory=ELSEWHERE), Lane.BULK)


def _offers_more(end: End) -> None:
    end.offer("air-quality", _readings(200, 3), Lane.BULK)
    end.offer("camera-events", [{"event_id": "e-9", "territory": PLACE}], Lane.EVENT)


def _returns(end: End) -> None:
    rows: list[dict[str, Scalar]] = [{"credit_code": f"91370000SPECIMEN{number:02}", "territory": "370202001"} for number in (1, 2)]
    end.offer("enterprises", rows, Lane.STATE)


def _orders(end: End) -> None:
    """A district below the child moves to another city, by order of the province."""
    files = end.parts.files
    old, new = Place((PARENT.name, CHILD.name), "municipal", "3702"), Place((PARENT.name, "yantai"), "municipal", "3706", "127.0.0.1:7440")
    order = Order(
        format=ORDER_FORMAT, node="qd-shinan", path=(*old.path, "qd-shinan"), incarnation=1, old=old, new=new,
        serial=BEGAN_US, issuer=PARENT.name, chain_pem=b"",
    )  # fmt: skip
    given = give_order(order, Signer(files.own(now_us=None), files.tls().chain_pem, files.manifest_key()))
    end.parts.attachments.book.take(given.raw)
    end.say(Orders((given.raw,)))


def _asks_for_a_summary(end: End) -> None:
    spec = SummarySpec("air-quality", BEGAN_US, BEGAN_US + 3_600 * MICROSECONDS, quantiles=(0.5,))
    end.say(Query(1, PULL_VERB, msgspec.json.encode(spec)))


def _asks_for_a_batch(end: End) -> None:
    """As if its first batch of air quality were damaged here."""
    found = [end.parts.journal.batch(lsn) for lsn in range(1, end.parts.journal.last_lsn + 1)]
    header = next(stored.batch.header for stored in found if stored is not None and stored.batch.header.resource == "air-quality")
    runs = [AskedRun(run.origin, run.incarnation, run.first, run.last) for run in header.runs]
    question = Question(header.payload_sha256, header.resource, int(header.lane), runs)
    end.say(Query(2, REPAIR, msgspec.msgpack.encode(question)))


def _asks_what_nobody_knows(end: End) -> None:
    end.say(Query(3, "weather", hashlib.sha256(b"").digest()))


ACTS: Mapping[str, Act] = {
    "meets": End.meet,
    "beats": End.beat,
    "waits": lambda end: end.later(WAIT_S),
    "offers-in-every-lane": _offers_in_every_lane,
    "offers-what-lies-elsewhere": _offers_what_lies_elsewhere,
    "offers-more": _offers_more,
    "returns": _returns,
    "orders": _orders,
    "asks-for-a-summary": _asks_for_a_summary,
    "asks-for-a-batch": _asks_for_a_batch,
    "asks-what-nobody-knows": _asks_what_nobody_knows,
    "stops": lambda end: end.say(Stop("this node is being stopped")),
}

_CHILD, _PARENT = CHILD.name, PARENT.name
_MEETING: Acts = ((_PARENT, "meets"), (_CHILD, "meets"), (_CHILD, "waits"), (_PARENT, "waits"), (_CHILD, "beats"), (_PARENT, "beats"))

FIRST_MEETING: Acts = (
    *_MEETING,
    (_CHILD, "offers-in-every-lane"),
    (_CHILD, "waits"),
    (_PARENT, "returns"),
    (_PARENT, "waits"),
    (_CHILD, "offers-what-lies-elsewhere"),
    (_CHILD, "waits"),
    (_PARENT, "orders"),
    (_PARENT, "asks-for-a-summary"),
    (_PARENT, "asks-for-a-batch"),
    (_CHILD, "asks-for-a-batch"),
    (_CHILD, "asks-what-nobody-knows"),
    (_CHILD, "beats"),
    (_PARENT, "stops"),
)
SECOND_MEETING: Acts = (*_MEETING, (_CHILD, "offers-more"), (_CHILD, "waits"), (_CHILD, "beats"), (_CHILD, "stops"))
RESEED: Acts = (*_MEETING, (_PARENT, "waits"), (_PARENT, "beats"), (_CHILD, "stops"))
CONVERSATIONS: Mapping[str, Acts] = {"first-meeting": FIRST_MEETING, "second-meeting": SECOND_MEETING, "reseed": RESEED}
"""In the order in which they happened: both nodes were started again before each, and before the last the child had lost its journal."""


def before(conversation: str, child_folder: Path) -> None:
    """What happened to the child before a conversation began."""
    if conversation != "reseed" or not child_folder.exists():
        return
    journal = child_folder / "journal.db"
    for path in child_folder.glob("journal.db*"):
        path.unlink()
    wish_reseed(child_folder, journal, now_us=0)
    IdentityFiles(child_folder).replace_incarnation(CHILD.incarnation + 1)

"""What a device and its platform say to each other: GB/T 28181-2016 sections 9.1 (registration), 9.5 (queries), 9.6 (keepalive). Pure.

Owns the state of the registration, what waits for an answer and when it is said again (RFC 3261 timers E and F), and which requests are
answered how: queries are, media is refused with 488 and the reason, because pictures go through the tree under a grant. No I/O: messages
come in by `received`, time by `due`, both give what to send; `take_events` gives what the shell must act on. Called by client.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from node.gb28181.bodies import CONTENT_TYPE, Query, keepalive, read_query
from node.gb28181.digest import authorization
from node.gb28181.errors import BodyError, SipError
from node.gb28181.sip import Header, Message, answer_to, parameters
from sync.model import Instant

FIRST_WAIT_S, WAIT_S_MAX, GIVE_UP_S = 0.5, 4.0, 32.0
"""T1, T2 and 64 T1 of RFC 3261: when a message over UDP is said again, and when nobody will answer."""
KEEPALIVES_LOST_MAX = 3
RETRY_S, RETRY_S_MAX = 10.0, 600.0
"""Wait before the next registration after one that failed; doubled each time, with jitter."""
RENEW_SHARE = 0.8
"""Of its time a registration is renewed."""
ALIVE_FIRST_S = 1.0
"""A new registration is followed by a keepalive after this, or after half of the time to its renewal."""
PENDING_MAX = 64
REMEMBERED_MAX = 128
"""Answers kept for requests that come again."""
EVENTS_MAX = 256
ALLOW: Header = ("allow", "MESSAGE, OPTIONS")
_NO_CALL = (481, "Call/Transaction Does Not Exist")
_REFUSALS: Mapping[str, tuple[int, str]] = {"INVITE": (488, "Not Acceptable Here"), "BYE": _NO_CALL, "CANCEL": _NO_CALL}
NO_MEDIA: Header = ("warning", '399 yunnao "no media here: ask the owner of the camera for a grant"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who this node is at the platform."""

    device: str
    """Twenty digits."""
    platform: str
    domain: str
    user: str
    password: str = field(repr=False)
    local: str
    """HOST:PORT where the platform reaches this node."""
    is_reliable: bool
    """True over TCP: nothing is said twice."""
    expires_s: int = 3_600
    keepalive_s: float = 60.0


class Stand(Enum):
    """How the registration is."""

    OFF = "off"
    ASKING = "asking"
    REGISTERED = "registered"
    WAITING = "waiting"
    """For the next try."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The platform asks; the shell answers with messages of its own."""

    query: Query


@dataclass(frozen=True, slots=True)
class Settled:
    """One of our messages was answered, or nobody did."""

    branch: str
    is_taken: bool


Event = Asked | Settled


@dataclass(slots=True)
class _Pending:
    message: Message
    wait_s: float
    again_at: Instant
    until: Instant


@dataclass(slots=True)
class Dialogue:
    """One device at one platform."""

    account: Account
    rng: Random
    stand: Stand = Stand.OFF
    why: str = ""
    """Why it is not registered."""
    refused: int = 0
    """Requests that were not answered as asked."""
    _call: str = ""
    _number: int = 0
    _sequence: int = 0
    _tries: int = 0
    _silent: int = 0
    _next_at: Instant | None = None
    """When to register, to renew, or to be heard again."""
    _renew_at: Instant | None = None
    _challenged: bool = False
    _pending: dict[str, _Pending] = field(default_factory=dict)
    _answers: dict[tuple[str, str], Message] = field(default_factory=dict)
    _events: list[Event] = field(default_factory=list)

    # ---- time

    @property
    def next_at(self) -> Instant | None:
        """When `due` has something to say; None: only when something comes in."""
        moments = [pending.again_at for pending in self._pending.values()] + ([self._next_at] if self._next_at else [])
        return min(moments, key=lambda moment: moment.us, default=None)

    def begin(self, now: Instant) -> list[Message]:
        """Register anew, as after a new connection: nothing that waited for an answer gets one."""
        for branch in list(self._pending):
            self._settle(branch, is_taken=False)
        self._call, self._challenged, self._silent = self._random(), False, 0
        self.stand, self._next_at = Stand.ASKING, None
        return [self._register(now)]

    def due(self, now: Instant) -> list[Message]:
        """What is to be said by now."""
        said: list[Message] = []
        for branch, pending in list(self._pending.items()):
            if now.us >= pending.until.us:
                said += self._unanswered(branch, pending, now)
            elif now.us >= pending.again_at.us:
                pending.wait_s = min(WAIT_S_MAX, pending.wait_s * 2)
                pending.again_at = now.plus(pending.wait_s)
                said.append(pending.message)
        if self._next_at is not None and now.us >= self._next_at.us:
            said += self._turn(now)
        return said

    def _turn(self, now: Instant) -> list[Message]:
        if self.stand is not Stand.REGISTERED:
            return self.begin(now)
        if self._renew_at is not None and now.us >= self._renew_at.us:
            self._challenged, self._renew_at = False, None
            self._next_at = now.plus(self.account.keepalive_s)
            return [self._register(now)]
        self._next_at = now.plus(self.account.keepalive_s)
        if self._renew_at is not None and self._renew_at.us < self._next_at.us:
            self._next_at = self._renew_at
        self._sequence += 1
        return [self.message(keepalive(self._sequence, self.account.device), now)]

    # ---- messages of ours

    def message(self, body: bytes, now: Instant) -> Message:
        """A MESSAGE with a body, which waits for its answer. Raises SipError when too many do."""
        if len(self._pending) >= PENDING_MAX:
            raise SipError(f"{PENDING_MAX} messages wait for the platform: nothing more is said")
        me = self.account
        headers = self._headers("MESSAGE", f"<sip:{me.platform}@{me.domain}>", self._random())
        headers += [("content-type", CONTENT_TYPE)]
        return self._waiting(Message(tuple(headers), body, method="MESSAGE", uri=f"sip:{me.platform}@{me.domain}"), now)

    def _register(self, now: Instant, extra: tuple[Header, ...] = ()) -> Message:
        me = self.account
        headers = self._headers("REGISTER", f"<sip:{me.device}@{me.domain}>", self._call)
        headers += [("contact", f"<sip:{me.device}@{me.local}>"), ("expires", str(me.expires_s)), *extra]
        return self._waiting(Message(tuple(headers), method="REGISTER", uri=f"sip:{me.platform}@{me.domain}"), now)

    def _headers(self, method: str, to: str, call: str) -> list[Header]:
        me = self.account
        self._number += 1
        via = f"SIP/2.0/{'TCP' if me.is_reliable else 'UDP'} {me.local};rport;branch=z9hG4bK{self._random()}"
        return [
            ("via", via), ("from", f"<sip:{me.device}@{me.domain}>;tag={self._random()}"), ("to", to), ("call-id", call),
            ("cseq", f"{self._number} {method}"), ("max-forwards", "70"), ("user-agent", "Yunnao"),
        ]  # fmt: skip

    def _waiting(self, message: Message, now: Instant) -> Message:
        again = GIVE_UP_S if self.account.is_reliable else FIRST_WAIT_S
        self._pending[message.branch] = _Pending(message, again, now.plus(again), now.plus(GIVE_UP_S))
        return message

    def _random(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"

    # ---- messages of theirs

    def received(self, message: Message, now: Instant) -> list[Message]:
        """What to say to a message that came in. Raises SipError for one that makes no sense."""
        if message.is_request:
            return [] if message.method == "ACK" else [self._answered(message)]
        _, method = message.cseq
        pending = self._pending.get(message.branch)
        if pending is None or pending.message.method != method or message.status < 200:
            return []
        del self._pending[message.branch]
        if method == "REGISTER":
            return self._registered(message, pending.message, now)
        is_taken = message.status < 300
        self._silent = 0 if is_taken else self._silent
        self._tell(Settled(message.branch, is_taken))
        # 403 and 404 to a MESSAGE: the platform has forgotten this device.
        return self.begin(now) if message.status in (403, 404) and self.stand is Stand.REGISTERED else []

    def _registered(self, answer: Message, asked: Message, now: Instant) -> list[Message]:
        if answer.status == 401 and not self._challenged:
            self._challenged = True
            return self._proved(answer.get("www-authenticate"), asked, now)
        if not 200 <= answer.status < 300:
            why = "user or password are wrong" if answer.status in (401, 403) else answer.reason or "no reason given"
            self._fail(f"the platform refused the registration: {answer.status} ({why})", now)
            return []
        text = parameters(answer.get("contact")).get("expires") or answer.get("expires")
        given = int(text) if text.isascii() and text.isdigit() and len(text) <= 8 else self.account.expires_s
        if given == 0:
            self._fail("the platform grants the registration for no time at all (expires 0): its operator has to admit this device", now)
            return []
        self.stand, self.why, self._tries, self._silent = Stand.REGISTERED, "", 0, 0
        renew_s = min(given, self.account.expires_s) * RENEW_SHARE
        self._renew_at = now.plus(renew_s)
        self._next_at = now.plus(min(self.account.keepalive_s, ALIVE_FIRST_S, renew_s / 2))
        return []

    def _proved(self, challenge: str, asked: Message, now: Instant) -> list[Message]:
        """The registration again with the proof that was asked for; a challenge that cannot be answered is a failure like any other."""
        me = self.account
        try:
            proof = authorization(challenge, method="REGISTER", uri=asked.uri, user=me.user, password=me.password, cnonce=self._random())
        except SipError as error:
            self._fail(f"the platform asks for a proof that is not known here: {error}", now)
            return []
        return [self._register(now, (("authorization", proof),))]

    def _unanswered(self, branch: str, pending: _Pending, now: Instant) -> list[Message]:
        self._settle(branch, is_taken=False)
        if pending.message.method == "REGISTER":
            self._fail("the platform does not answer: check its address and that it knows this device", now)
            return []
        self._silent += 1
        if self._silent >= KEEPALIVES_LOST_MAX and self.stand is Stand.REGISTERED:
            self._fail(f"{KEEPALIVES_LOST_MAX} messages in a row were not answered", now, wait_s=1.0)
        return []

    def _fail(self, why: str, now: Instant, *, wait_s: float = 0.0) -> None:
        self.stand, self.why = Stand.WAITING, why
        longest = min(RETRY_S_MAX, RETRY_S * 2**self._tries)
        self._tries = min(self._tries + 1, 10)
        self._next_at = now.plus(wait_s or self.rng.uniform(longest / 2, longest))

    def _answered(self, request: Message) -> Message:
        """The answer to a request; one that comes again gets the same, and is acted on once."""
        key = (request.branch, request.get("cseq"))
        if key in self._answers:
            return self._answers[key]
        answer = self._answers[key] = self._answer(request)
        if len(self._answers) > REMEMBERED_MAX:
            del self._answers[next(iter(self._answers))]
        return answer

    def _answer(self, request: Message) -> Message:
        tag = self._random()
        if self.account.platform not in request.get("from"):
            self.refused += 1
            return answer_to(request, 403, "Forbidden", tag=tag)
        if request.method == "OPTIONS":
            return answer_to(request, 200, "OK", tag=tag, extra=[ALLOW])
        if request.method != "MESSAGE":
            self.refused += 1
            status, reason = _REFUSALS.get(request.method, (405, "Method Not Allowed"))
            return answer_to(request, status, reason, tag=tag, extra=[NO_MEDIA if request.method == "INVITE" else ALLOW])
        try:
            self._tell(Asked(read_query(request.body)))
        except BodyError:
            self.refused += 1
            return answer_to(request, 400, "Bad Request", tag=tag)
        return answer_to(request, 200, "OK", tag=tag)

    # ---- events

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def _settle(self, branch: str, *, is_taken: bool) -> None:
        self._pending.pop(branch, None)
        self._tell(Settled(branch, is_taken))

    def _tell(self, event: Event) -> None:
        if len(self._events) < EVENTS_MAX:
            self._events.append(event)

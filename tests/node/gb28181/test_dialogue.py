"""The dialogue with a platform by hand: when things are said again, given up, renewed, and tried anew. Pure, so time is an argument."""

from __future__ import annotations

from random import Random

import pytest

from node.gb28181.dialogue import GIVE_UP_S, KEEPALIVES_LOST_MAX, PENDING_MAX, RETRY_S, Account, Asked, Dialogue, Settled, Stand
from node.gb28181.errors import SipError
from node.gb28181.sip import Message, answer_to
from sync.model import Instant

ACCOUNT = Account(
    device="37020200002000000009", platform="37020000002000000001", domain="3702000000", user="u", password="hidden-word",
    local="127.0.0.1:5060", is_reliable=False,
)  # fmt: skip
START = Instant(1_000_000)


def registered(expires: str = "3600") -> tuple[Dialogue, Instant]:
    """A dialogue that the platform took without a challenge."""
    dialogue = Dialogue(ACCOUNT, Random(1))
    (asked,) = dialogue.begin(START)
    dialogue.received(answer_to(asked, 200, "OK", tag="p", extra=[("expires", expires)]), START)
    return dialogue, START


def query(branch: str = "b1") -> Message:
    body = b"<Query><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>37020200002000000009</DeviceID></Query>"
    via = ("via", f"SIP/2.0/UDP h;branch={branch}")
    headers = (via, ("from", f"<sip:{ACCOUNT.platform}@d>"), ("to", "<sip:x@d>"), ("cseq", "1 MESSAGE"))
    return Message(headers, body, method="MESSAGE", uri="sip:x@d")


def test_a_registration_is_said_again_at_growing_times_and_given_up() -> None:
    dialogue = Dialogue(ACCOUNT, Random(1))
    (asked,) = dialogue.begin(START)
    times = []
    while dialogue.stand is Stand.ASKING:
        now = dialogue.next_at
        assert now is not None
        times += [now.seconds_since(START)] * len(dialogue.due(now))
    assert times[:4] == [0.5, 1.5, 3.5, 7.5]
    assert max(times) < GIVE_UP_S
    assert "does not answer" in dialogue.why
    assert asked.method == "REGISTER"


def test_a_failed_registration_is_tried_again_later_and_later() -> None:
    dialogue, now, waits = Dialogue(ACCOUNT, Random(1)), START, []
    for _ in range(12):
        (asked,) = dialogue.begin(now)
        dialogue.received(answer_to(asked, 404, "Not Found", tag="p"), now)
        assert dialogue.stand is Stand.WAITING
        assert dialogue.next_at is not None
        waits.append(dialogue.next_at.seconds_since(now))
        now = dialogue.next_at
    assert RETRY_S / 2 <= waits[0] <= RETRY_S
    assert 300 <= waits[-1] <= 600


@pytest.mark.parametrize("challenge", ['Digest nonce="n", algorithm=SM3', 'Digest realm="r"', 'Basic realm="r"', ""])
@pytest.mark.parametrize("is_renewal", [False, True])
def test_a_challenge_that_cannot_be_answered_is_said_and_tried_again_later(challenge: str, *, is_renewal: bool) -> None:
    dialogue, now = registered("100") if is_renewal else (Dialogue(ACCOUNT, Random(1)), START)
    asked = None if is_renewal else dialogue.begin(now)[0]
    while asked is None:
        now = dialogue.next_at or now
        for message in dialogue.due(now):
            if message.method == "REGISTER":
                asked = message
            else:
                dialogue.received(answer_to(message, 200, "OK", tag="p"), now)
    assert dialogue.received(answer_to(asked, 401, "Unauthorized", tag="p", extra=[("www-authenticate", challenge)]), now) == []
    assert (dialogue.stand, "a proof that is not known here" in dialogue.why) == (Stand.WAITING, True)
    assert dialogue.next_at is not None
    assert RETRY_S / 2 <= dialogue.next_at.seconds_since(now) <= RETRY_S


@pytest.mark.parametrize("expires", [1, 2, 30, 59, 100, 3_600])
def test_a_registration_is_renewed_before_it_ends(expires: int) -> None:
    dialogue, now = registered(str(expires))
    said: list[Message] = []
    alive = 0
    while not any(message.method == "REGISTER" for message in said):
        now = dialogue.next_at or now
        said = dialogue.due(now)
        for message in said:
            if message.method == "MESSAGE":
                alive += 1
                dialogue.received(answer_to(message, 200, "OK", tag="p"), now)
    assert expires * 0.79 <= now.seconds_since(START) < expires
    assert alive >= 1
    assert dialogue.stand is Stand.REGISTERED


@pytest.mark.parametrize("where", [("expires", "0"), ("contact", "<sip:x@d>;expires=0")])
def test_a_registration_that_is_granted_for_no_time_is_none(where: tuple[str, str]) -> None:
    dialogue = Dialogue(ACCOUNT, Random(1))
    (asked,) = dialogue.begin(START)
    dialogue.received(answer_to(asked, 200, "OK", tag="p", extra=[where]), START)
    assert (dialogue.stand, "expires 0" in dialogue.why) == (Stand.WAITING, True)
    assert dialogue.next_at is not None
    assert dialogue.next_at.seconds_since(START) >= RETRY_S / 2


def test_a_platform_that_falls_silent_is_registered_at_anew() -> None:
    dialogue, now = registered()
    while dialogue.stand is Stand.REGISTERED:
        now = dialogue.next_at or now
        dialogue.due(now)
    assert f"{KEEPALIVES_LOST_MAX} messages in a row" in dialogue.why
    (asked,) = [message for message in dialogue.due(now.plus(1.0)) if message.method == "REGISTER"]
    dialogue.received(answer_to(asked, 200, "OK", tag="p"), now.plus(1.0))
    assert (dialogue.stand, dialogue.why) == (Stand.REGISTERED, "")


def test_a_platform_that_forgot_the_device_is_told_again() -> None:
    dialogue, now = registered()
    message = dialogue.message(b"x", now)
    (again,) = dialogue.received(answer_to(message, 403, "Forbidden", tag="p"), now)
    assert again.method == "REGISTER"
    assert Settled(message.branch, is_taken=False) in dialogue.take_events()


def test_a_question_that_comes_twice_is_answered_twice_and_asked_once() -> None:
    dialogue, now = registered()
    dialogue.take_events()
    first = dialogue.received(query(), now)
    assert dialogue.received(query(), now) == first
    assert [type(event) for event in dialogue.take_events()] == [Asked]


def test_answers_that_belong_to_nothing_are_left_alone() -> None:
    dialogue, now = registered()
    other = Message((("via", "SIP/2.0/UDP h;branch=zzz"), ("cseq", "9 MESSAGE")), status=200)
    assert dialogue.received(other, now) == []
    with pytest.raises(SipError, match="CSeq"):
        dialogue.received(Message((), status=200), now)


def test_too_many_messages_that_wait_are_refused() -> None:
    dialogue, now = registered()
    for _ in range(PENDING_MAX):
        dialogue.message(b"x", now)
    with pytest.raises(SipError, match=str(PENDING_MAX)):
        dialogue.message(b"x", now)


def test_the_password_is_in_no_repr() -> None:
    assert "hidden-word" not in repr(Dialogue(ACCOUNT, Random(1)))

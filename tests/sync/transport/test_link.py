"""Sessions over mTLS on loopback: messages, order, back-pressure, ends, strangers."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime

import pytest

from sync.model import LinkError, WireError
from sync.transport import link_server
from sync.transport.grpc_setup import CHANNEL, aio
from sync.transport.link_dialer import dial
from sync.transport.link_server import STREAMS_PER_CHILD_MAX, LinkServer
from sync.transport.link_wire import GROUP_KEY, NODE_KEY, PATH, SESSION_KEY, TryLaterError
from sync.transport.mailbox import Group
from sync.transport.session import INBOX_BYTES_MAX, OUTBOX_BYTES_MAX, Session
from tests.sync.transport.certificates import Authority, names_of
from tests.sync.transport.parent import PATIENCE_S, Parent, authorise, far_away, listening_parent, serving, take, tree


async def test_messages_travel_both_ways_in_order_within_a_group() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        for number in range(50):
            await child.send(b"u%d" % number, urgent=True)
            await child.send(b"b%d" % number, urgent=False)
            await session.send(b"down%d" % number, urgent=number % 2 == 0)
        up, down = await take(session, 100), await take(child, 50)
        await child.close("done")
    assert [data for data in up if data.startswith(b"u")] == [b"u%d" % number for number in range(50)]
    assert [data for data in up if data.startswith(b"b")] == [b"b%d" % number for number in range(50)]
    assert sorted(down) == sorted(b"down%d" % number for number in range(50))


@pytest.mark.slow
async def test_a_parent_that_speaks_at_once_does_not_break_its_own_stream() -> None:
    async def speak(session: Session) -> None:
        for number in range(3):
            await session.send(b"%d" % number, urgent=number % 2 == 0)
        await asyncio.wait([session.closed])

    async with serving(tree()[0], speak) as address:
        for number in range(20):
            child = await dial(address, tree()[1], server_name="district-1", session_id=f"s{number}", node="street-1")
            assert sorted(await take(child, 3)) == [b"0", b"1", b"2"]
            await child.close("done")


async def test_both_ends_learn_who_the_other_is() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        assert names_of(session.peer_pem) == ["street-1", "district-1", "city"]
        assert session.peer is not None
        assert session.peer.node == "street-1"
        assert names_of(child.peer_pem) == ["district-1", "city"]
        await child.close("done")


async def test_the_groups_use_two_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    peers: set[str] = set()
    real = link_server.LinkServer._admit

    def admit(self: LinkServer, context: link_server.Context) -> object:
        peers.add(context.peer())
        return real(self, context)

    monkeypatch.setattr(link_server.LinkServer, "_admit", admit)
    async with listening_parent() as parent:
        child = await parent.dial()
        await child.close("done")
    assert len(peers) == 2


@pytest.mark.slow
async def test_a_sender_waits_while_the_receiver_does_not_read_and_urgent_messages_pass() -> None:
    # On a long path windows that grow with bandwidth times delay take whatever comes, the more so once they were read for a while.
    async with listening_parent() as parent, far_away(parent.address, delay_s=0.05) as address:
        child = await dial(address, tree()[1], server_name="district-1", session_id="s1", node="street-1")
        session = await parent.next_session()
        flood = asyncio.create_task(send_all(child, [bytes(1 << 20)] * 112))
        assert len(await take(session, 48)) == 48
        done, _ = await asyncio.wait([flood], timeout=0.5)
        assert not done
        assert child._outbox._bytes[Group.BULK] <= OUTBOX_BYTES_MAX + (1 << 20)
        assert session._inbox._bytes[Group.BULK] <= INBOX_BYTES_MAX + (1 << 20)
        await child.send(b"alarm", urgent=True)
        while not session._inbox._waiting[Group.URGENT]:
            await session._inbox._wait_change()
        assert await take(session, 1) == [b"alarm"]
        assert len(await take(session, 64)) == 64
        await flood
        await child.close("done")


async def send_all(session: Session, messages: list[bytes]) -> None:
    for data in messages:
        await session.send(data, urgent=False)


async def test_a_large_message_travels_and_one_over_the_limit_is_refused_by_its_size() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        large = bytes(23 << 20)
        await child.send(large, urgent=False)
        assert await take(session, 1) == [large]
        with pytest.raises(LinkError, match="message of 26214400 bytes not sent: at most 25165824"):
            await child.send(bytes(25 << 20), urgent=False)
        await child.close("done")


async def test_messages_queued_before_a_close_still_arrive() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        await send_all(child, [b"%d" % number for number in range(20)])
        await child.close("going home")
        assert len(await take(session, 20)) == 20
        assert await asyncio.wait_for(session.closed, PATIENCE_S) == "the peer ended the session"
    assert child.closed.result() == "going home"


async def test_the_child_is_told_why_the_parent_ended_the_session() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        await session.close("hello.level 9 refused: expected one of 1, 2, 3, 4, 5")
        assert "hello.level 9 refused" in await asyncio.wait_for(child.closed, PATIENCE_S)
        with pytest.raises(LinkError, match=r"hello\.level 9 refused"):
            await child.send(b"more", urgent=True)
        await child.close("done")


async def test_an_error_of_the_parents_work_is_the_reason_the_child_sees() -> None:
    stands = asyncio.Event()

    async def refuse(session: Session) -> None:
        await stands.wait()
        raise WireError(f"session {session.session_id}: garbage")

    async with serving(tree()[0], refuse) as address:
        child = await dial(address, tree()[1], server_name="district-1", session_id="s9", node="street-1")
        stands.set()
        assert "session s9: garbage" in await asyncio.wait_for(child.closed, PATIENCE_S)
        await child.close("done")


async def test_an_abandoned_connection_ends_the_parents_session() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        for pipe in child._pipes.values():
            await pipe.finish("", grace_s=0.0)
        assert await asyncio.wait_for(session.closed, PATIENCE_S)
        await child.close("done")


async def test_stopping_the_parent_ends_the_childs_session() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        await parent.next_session()
    assert "stopping" in await asyncio.wait_for(child.closed, PATIENCE_S)
    await child.close("done")


async def test_many_children_have_sessions_of_their_own() -> None:
    async with listening_parent() as parent:
        children = await asyncio.gather(*(parent.dial(session_id=f"s{number}") for number in range(4)))
        for number, child in enumerate(children):
            await child.send(b"%d" % number, urgent=False)
        sessions = [await parent.next_session() for _ in children]
        received = {session.session_id: await take(session, 1) for session in sessions}
        await asyncio.gather(*(child.close("done") for child in children))
    assert received == {f"s{number}": [b"%d" % number] for number in range(4)}


async def refusal_of(parent: Parent, **dial_arguments: object) -> str:
    """The error a child gets, after which another child is still served."""
    with pytest.raises(LinkError) as caught:
        await parent.dial(**dial_arguments)  # type: ignore[arg-type]
    await assert_serves(parent)
    return str(caught.value)


async def assert_serves(parent: Parent) -> None:
    child = await parent.dial(session_id="after")
    session = await parent.next_session()
    await child.send(b"still here", urgent=True)
    assert await take(session, 1) == [b"still here"]
    await child.close("done")


async def test_a_child_of_another_tree_is_refused_by_both_certificates() -> None:
    foreign = Authority.root("elsewhere").issue("street-1")
    async with listening_parent() as parent:
        assert "its certificate is refused" in await refusal_of(parent, credentials=foreign)


async def test_a_certificate_of_a_foreign_authority_is_refused_by_the_parent() -> None:
    foreign, own = Authority.root("elsewhere").issue("street-1"), tree()[1]
    mixed = type(own)(foreign.key_pem, foreign.chain_pem, own.root_pem)
    async with listening_parent() as parent:
        assert "the peer does not accept our certificate" in await refusal_of(parent, credentials=mixed)


async def test_an_expired_certificate_is_refused() -> None:
    authority = Authority.root("province")
    expired = authority.issue("street-1", until=datetime(2021, 1, 1, tzinfo=UTC))
    async with serving(authority.issue("district-1"), lambda session: asyncio.sleep(0)) as address:
        with pytest.raises(LinkError, match="the peer does not accept our certificate"):
            await dial(address, expired, server_name="district-1", session_id="s", node="street-1")


async def test_a_renewed_certificate_is_shown_to_the_next_connection() -> None:
    city = Authority.root("province").below("city")
    child = city.below("district-1").issue("street-1")
    async with listening_parent() as parent:
        parent.credentials = city.issue("district-1", until=datetime(2021, 1, 1, tzinfo=UTC))
        with pytest.raises(LinkError):
            await parent.dial(child)
        parent.credentials = city.issue("district-1")
        assert (await parent.dial(child)).peer_pem == parent.credentials.chain_pem


async def test_a_parent_of_another_name_is_refused_by_the_child() -> None:
    async with listening_parent() as parent:
        with pytest.raises(LinkError, match=r"no link to city-9 at .*its certificate is refused: [Hh]ostname mismatch"):
            await dial(parent.address, tree()[1], server_name="city-9", session_id="s", node="street-1")


async def test_a_child_that_declares_another_name_is_refused_and_the_parent_hears_of_it() -> None:
    async with listening_parent() as parent:
        assert "node 'street-2' refused: its certificate is of 'street-1'" in await refusal_of(parent, node="street-2")
        assert any("node 'street-2' refused" in text for text in parent.refusals)


async def test_the_childs_own_check_of_the_parent_is_heard() -> None:
    def refuse(chain_pem: bytes, node: str) -> object:
        raise LinkError(f"{node}: {names_of(chain_pem)[0]} is not our parent")

    async with listening_parent() as parent:
        with pytest.raises(LinkError, match="district-1: district-1 is not our parent"):
            await dial(
                parent.address, tree()[1], server_name="district-1", session_id="s", node="street-1", authorise=refuse  # type: ignore[arg-type]
            )  # fmt: skip


STRANGERS = {"http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "zeros": b"\x00" * 64, "ones": b"\xff" * 5_000, "silence": b""}


@pytest.mark.parametrize("opening", STRANGERS.values(), ids=STRANGERS.keys())
async def test_strangers_on_the_port_do_not_disturb_the_parent(opening: bytes) -> None:
    async with listening_parent() as parent:
        reader, writer = await asyncio.open_connection("127.0.0.1", parent.server.port)
        writer.write(opening)
        await writer.drain()
        await assert_serves(parent)
        writer.close()
        del reader


async def test_a_port_without_tls_is_named() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    plain = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = plain.sockets[0].getsockname()[1]
    with pytest.raises(LinkError, match="TLS handshake failed: wrong version number"):
        await dial(f"127.0.0.1:{port}", tree()[1], server_name="district-1", session_id="s", node="street-1")
    plain.close()
    await plain.wait_closed()


async def test_a_port_where_nothing_listens_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LinkError, match=f"no link to district-1 at 127.0.0.1:{port}: .*[Cc]onne.*is the node running"):
        await dial(f"127.0.0.1:{port}", tree()[1], server_name="district-1", session_id="s", node="street-1")


async def call_by_hand(parent: Parent, path: str, metadata: tuple[tuple[str, str], ...]) -> aio.AioRpcError:
    options = [*CHANNEL, ("grpc.ssl_target_name_override", "district-1")]
    async with aio.secure_channel(parent.address, tree()[1].for_channel(), options=options) as channel:
        call = channel.stream_stream(path)(metadata=metadata)
        with pytest.raises(aio.AioRpcError) as caught:
            await asyncio.wait_for(call.read(), PATIENCE_S)
        return caught.value


async def test_a_call_with_wrong_metadata_is_refused_by_name() -> None:
    async with listening_parent() as parent:
        error = await call_by_hand(parent, PATH, ((GROUP_KEY, "slow"), (SESSION_KEY, "s"), (NODE_KEY, "street-1")))
        assert "'slow' is not a valid Group" in error.details()
        error = await call_by_hand(parent, PATH, ((GROUP_KEY, "bulk"), (NODE_KEY, "street-1")))
        assert "yunnao-session of 0 characters" in error.details()
        await assert_serves(parent)


async def test_an_unknown_method_is_refused() -> None:
    async with listening_parent() as parent:
        error = await call_by_hand(parent, "/yunnao.v1.Link/Other", ())
        assert error.code().name == "UNIMPLEMENTED"


async def test_half_a_session_is_refused_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_server, "PAIR_TIMEOUT_S", 0.2)
    async with listening_parent() as parent:
        error = await call_by_hand(parent, PATH, ((GROUP_KEY, "bulk"), (SESSION_KEY, "s"), (NODE_KEY, "street-1")))
        assert "only its bulk half came" in error.details()
        assert not parent.server._halves


async def test_a_port_in_use_is_refused_by_name() -> None:
    async with listening_parent() as parent:
        other = LinkServer(authorise, on_refused=print)
        with pytest.raises(LinkError, match=f"cannot listen on {parent.address}"):
            await other.start(parent.address, lambda: tree()[0], parent.take_session)


async def test_a_key_that_is_no_pem_is_refused() -> None:
    own = tree()[1]
    with pytest.raises(LinkError, match="key of 3 bytes is not PEM"):
        await dial("127.0.0.1:1", type(own)(b"abc", own.chain_pem, own.root_pem), server_name="d1", session_id="s", node="street-1")


async def test_a_message_over_grpcs_own_limit_ends_the_session_of_its_sender_only() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        await child._pipes[Group.BULK].write(bytes(10))
        options = [option for option in CHANNEL if "max_send" not in option[0]]
        options += [("grpc.max_send_message_length", -1), ("grpc.ssl_target_name_override", "district-1")]
        metadata = ((SESSION_KEY, "huge"), (NODE_KEY, "street-1"))
        async with aio.secure_channel(parent.address, tree()[1].for_channel(), options=options) as channel:
            calls = [channel.stream_stream(PATH)(metadata=((GROUP_KEY, group.value), *metadata)) for group in Group]
            huge = await parent.next_session()
            await calls[0].write(bytes(25 << 20))
            assert await asyncio.wait_for(huge.closed, PATIENCE_S)
        assert await take(session, 1) == [bytes(10)]
        await child.close("done")


async def test_a_child_that_must_wait_is_told_how_long_and_nothing_of_it_is_verified() -> None:
    asked: list[int] = []

    def ask(child: bytes, shaking: int) -> float:
        asked.append(shaking)
        return 2.5

    stranger = Authority.root("another").issue("street-1")
    async with listening_parent(ask) as parent:
        with pytest.raises(TryLaterError, match=r"try again in 2\.5 s") as caught:
            await parent.dial(node="street-9")
        with pytest.raises(LinkError):
            await parent.dial(stranger)
        assert (caught.value.retry_after_s, asked, parent.refusals, parent.server.deferred) == (2.5, [0], [], 1)


async def test_a_handshake_counts_until_the_nodes_have_met() -> None:
    shaking: list[int] = []
    async with listening_parent(lambda child, count: shaking.append(count) or 0.0) as parent:  # type: ignore[func-returns-value]
        first = await parent.dial(session_id="one")
        opened = await parent.next_session()
        second = await parent.dial(session_id="two")
        await parent.next_session()
        opened.on_open()
        third = await parent.dial(session_id="three")
        await asyncio.gather(*(child.close("done") for child in (first, second, third)))
    assert shaking == [0, 1, 1]


async def test_one_certificate_cannot_open_streams_without_end() -> None:
    async with listening_parent() as parent:
        children = [await parent.dial(session_id=f"s{number}") for number in range(STREAMS_PER_CHILD_MAX // 2)]
        with pytest.raises(LinkError, match="8 streams of one certificate are open"):
            await parent.dial(session_id="one-too-many")
        sessions = [await parent.next_session() for _ in children]
        await children[0].close("done")
        await asyncio.wait([sessions[0].closed], timeout=PATIENCE_S)
        children[0] = await parent.dial(session_id="again")
        await asyncio.gather(*(child.close("done") for child in children))


async def test_a_session_counts_what_it_hears() -> None:
    async with listening_parent() as parent:
        child = await parent.dial()
        session = await parent.next_session()
        for urgent in (True, False, True):
            await child.send(b"word", urgent=urgent)
        await take(session, 3)
        assert (session.heard, child.heard) == (3, 0)
        await child.close("done")

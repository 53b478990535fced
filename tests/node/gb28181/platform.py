"""A simulated upper platform on loopback: challenges, registers, asks, and keeps every message it got. UDP or TCP."""

from __future__ import annotations

import asyncio
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from node.gb28181.sip import Message, answer_to, content_length, parameters, parse, read_head, write

PLATFORM, DEVICE, DOMAIN, PASSWORD = "37020000002000000001", "37020200002000000009", "3702000000", "hidden-word"
REALM, NONCE = "3702000000", "6fe9ba44a76be22a"
Send = Callable[[bytes], None]


def body_of(message: Message) -> ET.Element:
    """The XML of a message, without its declaration."""
    return ET.fromstring(message.body.decode("gb18030").partition("?>")[2])


@dataclass(slots=True)
class Platform:
    """One platform; `is_deaf` takes nothing, `lose` loses so many datagrams first."""

    is_deaf: bool = False
    lose: int = 0
    expires: int = 3_600
    got: list[Message] = field(default_factory=list)
    registered: asyncio.Event = field(default_factory=asyncio.Event)
    alive: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    send: Send | None = None
    _number: int = 0
    _close: Callable[[], None] | None = None

    async def start(self, transport: str) -> None:
        """Listen on a free port of loopback."""
        if transport == "udp":
            made, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Udp(self), local_addr=("127.0.0.1", 0))
            self.port, self._close = made.get_extra_info("sockname")[1], made.close
        else:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port, self._close = server.sockets[0].getsockname()[1], server.close

    def stop(self) -> None:
        """Release the port."""
        if self._close is not None:
            self._close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = content_length(read_head(head.removesuffix(b"\r\n\r\n"))[0])
                self.take(head + await reader.readexactly(length or 0), writer.write)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def take(self, data: bytes, send: Send) -> None:
        """One message of the device."""
        if self.lose > 0:
            self.lose -= 1
            return
        self.send = send
        message = parse(data)
        self.got.append(message)
        self.arrived.set()
        if message.is_request and not self.is_deaf:
            send(write(self._answer(message)))

    def _answer(self, message: Message) -> Message:
        if message.method == "REGISTER":
            return self._register(message)
        if body_of(message).findtext("CmdType") == "Keepalive":
            self.alive.set()
        return answer_to(message, 200, "OK", tag="p")

    def _register(self, message: Message) -> Message:
        given = parameters(message.get("authorization"))
        secret = hashlib.md5(f"{DEVICE}:{REALM}:{PASSWORD}".encode()).hexdigest()
        what = hashlib.md5(f"REGISTER:{given.get('uri')}".encode()).hexdigest()
        if given.get("response") != hashlib.md5(f"{secret}:{NONCE}:{what}".encode()).hexdigest():
            challenge = ("www-authenticate", f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5')
            return answer_to(message, 401, "Unauthorized", tag="p", extra=[challenge])
        self.registered.set()
        return answer_to(message, 200, "OK", tag="p", extra=[("expires", str(self.expires))])

    def ask(self, body: str, *, method: str = "MESSAGE", sender: str = PLATFORM) -> str:
        """Ask the device; gives the branch."""
        assert self.send is not None, "the device has said nothing yet"
        self._number += 1
        branch = f"z9hG4bKp{self._number}"
        headers = (
            ("via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch}"), ("from", f"<sip:{sender}@{DOMAIN}>;tag=p"),
            ("to", f"<sip:{DEVICE}@{DOMAIN}>"), ("call-id", f"p{self._number}"), ("cseq", f"{self._number} {method}"),
        )  # fmt: skip
        self.send(write(Message(headers, body.encode("gb18030"), method=method, uri=f"sip:{DEVICE}@{DOMAIN}")))
        return branch

    async def wait_for(self, wanted: Callable[[Message], bool]) -> Message:
        """The first message that fits, now or later."""
        async with asyncio.timeout(5.0):
            while True:
                found = next((message for message in self.got if wanted(message)), None)
                if found is not None:
                    return found
                self.arrived.clear()
                await self.arrived.wait()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._platform.take(data, lambda answer: self._transport.sendto(answer, addr))

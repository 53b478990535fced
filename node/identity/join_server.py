"""The join service of a parent: a small TLS listener outside the links, for nodes that have no certificate yet or one that ran out.

It serves no data. Refuses lines over the cap, more than CONNECTIONS_MAX at once, and whatever admissions.py refuses. Started by
node/appliance.py.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

from node.clock import Clock
from node.identity.admissions import Admission, Admissions, JoinAsk, Stage
from node.identity.authority import read_request
from node.identity.errors import IdentityError, JoinError, JoinRefused, Refusal
from node.identity.files import IdentityFiles
from node.identity.join_wire import (
    EXCHANGE_TIMEOUT_S,
    LINE_BYTES_MAX,
    Answer,
    Ask,
    AskChain,
    AskJoin,
    AskPoll,
    AskRenew,
    Chain,
    Issued,
    Pending,
    Refused,
    SignedTime,
    decode_ask,
    encode_line,
    read_line,
    time_bytes,
)
from node.identity.keys import read_manifest_key
from node.identity.verify import PeerIdentity, load_chain, verify_chain
from node.links.strangers import BoundedListener

CONNECTIONS_MAX = 16
"""Connections served at once; one more is told to come back."""
OPEN_MAX = 48
"""Connections open at once, those included whose TLS does not stand yet: one more takes the place of one that was answered nothing."""
STOP_GRACE_S = 1.0
"""How long `stop` waits for handlers whose connections it has broken off."""


class JoinServer:
    """One parent's join service. `start`, then `port`; `stop` closes the listener and what is open.

    A renewed leaf is shown from the second connection after the renewal on; until then the old one, which children judge without dates.
    """

    def __init__(
        self,
        files: IdentityFiles,
        admissions: Admissions,
        *,
        own_path: tuple[str, ...],
        link_address: str,
        clock: Clock,
        stands_here: Callable[[PeerIdentity], bool] = lambda peer: False,
    ) -> None:
        """`own_path` is PeerIdentity.path of this node; `link_address` (host:port) is where children are told to open their links.

        `stands_here` is true for a node that somebody else certified and an attachment order put below this one.
        """
        self._stands_here = stands_here
        self._files = files
        self._admissions = admissions
        self._own_path = own_path
        self._link_address = link_address
        self._clock = clock
        self._context = _server_context(files)
        self._leaf_changed_ns = files.certificate("tls").stat().st_mtime_ns
        self._manifest_key = read_manifest_key(files.key("manifest"))
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[object]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen on `host:port` (port 0: any free one); the port listened on. Raises IdentityError when it is taken."""
        try:
            self._server = await asyncio.start_server(
                self._serve,
                sock=BoundedListener(host, port, connections_max=OPEN_MAX),
                ssl=self._context,
                limit=LINE_BYTES_MAX,
                backlog=CONNECTIONS_MAX,
                ssl_handshake_timeout=EXCHANGE_TIMEOUT_S,
            )
        except OSError as error:
            raise IdentityError(f"join_listen {host}:{port} cannot be listened on ({error.strerror}): choose another in [links]") from error
        return self.port

    @property
    def port(self) -> int:
        """The port listened on; only between start and stop."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def _follow_renewal(self) -> None:
        changed_ns = self._files.certificate("tls").stat().st_mtime_ns
        if changed_ns != self._leaf_changed_ns:
            self._context.load_cert_chain(self._files.certificate("tls"), self._files.key("tls"))
            self._leaf_changed_ns = changed_ns

    async def stop(self) -> None:
        """Close the listener and every open connection."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await self._server.wait_closed()
        # A handler that is still running when the loop ends is cancelled, and asyncio reports that as an error of the program.
        if self._serving:
            await asyncio.wait(self._serving, timeout=STOP_GRACE_S)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "start_server runs every handler as a task"
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._open.add(writer)
        try:
            await self._exchange(reader, writer)
        except (JoinError, OSError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)
            self._follow_renewal()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) > CONNECTIONS_MAX:
            answer: Answer = Refused(Refusal.BUSY.value, f"{CONNECTIONS_MAX} nodes are being served: try again in a moment")
        else:
            answer = self._answer(await read_line(reader))
        writer.write(encode_line(answer))
        with suppress(TimeoutError):
            async with asyncio.timeout(EXCHANGE_TIMEOUT_S):
                await writer.drain()
                writer.close()
                await writer.wait_closed()

    def _answer(self, line: bytes) -> Answer:
        try:
            return self._decide(decode_ask(line))
        except JoinRefused as error:
            return Refused(error.refusal.value, error.detail)
        except IdentityError as error:
            return Refused(Refusal.BAD_REQUEST.value, str(error))

    def _decide(self, ask: Ask) -> Answer:
        now_us = self._clock.wall_us()
        match ask:
            case AskChain():
                return Chain((self._files.read(self._files.certificate("tls")) + self._files.root_pem()).decode())
            case AskJoin(token_id, proof, csr):
                return self._told(self._admissions.ask(JoinAsk(token_id, proof, csr), own_path=self._own_path, now_us=now_us))
            case AskPoll(node, print_of_key):
                return self._told(self._admissions.find(node, print_of_key))
            case AskRenew(csr, chain):
                return self._told(self._renewed(csr, chain, now_us))
            case _:
                return SignedTime(now_us, self._manifest_key.sign(time_bytes(ask.nonce, now_us)))

    def _renewed(self, csr: str, chain: str, now_us: int) -> Admission:
        try:
            return self._admissions.renew(csr, now_us=now_us)
        except JoinRefused as error:
            if error.refusal is not Refusal.UNKNOWN_NODE or not chain or not self._is_moved_here(csr, chain):
                raise
        return self._admissions.adopt(csr, own_path=self._own_path, now_us=now_us)

    def _is_moved_here(self, csr: str, chain: str) -> bool:
        """True when `csr` is of the very key that `chain` certifies, for a node that an order put below this one. Raises ChainError."""
        who = verify_chain(chain.encode(), root_pem=self._files.root_pem(), now_us=None)
        request, facts = read_request(csr.encode())
        ca = load_chain(chain.encode())[1]
        is_same = (facts.node, facts.level, facts.territory) == (who.node, who.level, who.territory)
        return is_same and request.public_key() == ca.public_key() and self._stands_here(who)

    def _told(self, admission: Admission) -> Answer:
        match admission.stage:
            case Stage.PENDING:
                return Pending(admission.fingerprint)
            case Stage.ACCEPTED:
                above = self._files.read(self._files.certificate("ca")).decode()
                return Issued(admission.certificate_pem + above, self._link_address)
            case Stage.REFUSED:
                return Refused(Refusal.BY_OPERATOR.value, f"the operator refused {admission.node}: ask there, then join with a new token")


def _server_context(files: IdentityFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    files.tls()
    context.load_cert_chain(files.certificate("tls"), files.key("tls"))
    return context

"""The floor under children_bench.py: a bare grpc.aio server with idle mTLS streams, and the clients that hold them.

    python -m benchmarks.bare_links serve PARENT_FOLDER          prints its port
    python -m benchmarks.bare_links dial CHILDREN_FOLDER ADDRESS  prints how many streams stand, two for each child

Same certificates, same gRPC options and same connections as links have; no handshake of nodes, no heartbeat, nothing of the product
beyond its options.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node.identity.files import IdentityFiles
from sync.transport.credentials import TlsCredentials
from sync.transport.grpc_setup import CHANNEL, SERVER, aio, grpc
from sync.transport.link_wire import METHOD, PATH, SERVICE
from sync.transport.mailbox import Group

AT_ONCE = 8
"""Connections that are being opened."""


def credentials_of(folder: Path) -> TlsCredentials:
    """What the node of a folder shows."""
    material = IdentityFiles(folder).tls()
    return TlsCredentials(material.key_pem, material.chain_pem, material.root_pem)


async def serve(folder: Path) -> None:
    """Answer every stream with its first metadata and wait for its end."""

    async def hold(requests: object, context: Any) -> None:
        del requests
        await context.send_initial_metadata((("here", "1"),))
        await context.read()

    credentials = credentials_of(folder)
    server = aio.server(options=SERVER)
    handler = grpc.stream_stream_rpc_method_handler(hold)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
    port = server.add_secure_port("127.0.0.1:0", credentials.for_server(lambda: credentials))
    await server.start()
    say(port)
    await server.wait_for_termination()


async def dial(children: Sequence[Path], address: str) -> None:
    """Hold two streams on two connections for each child."""
    room = asyncio.Semaphore(AT_ONCE)

    async def hold(child: Path) -> tuple[Any, Any]:
        parent = IdentityFiles(child).parent(now_us=None)
        assert parent is not None, "a child without a parent"
        names = [("grpc.ssl_target_name_override", parent.tls_name), ("grpc.default_authority", parent.tls_name)]
        async with room:
            channel = aio.secure_channel(address, credentials_of(child).for_channel(), options=[*CHANNEL, *names])
            call = channel.stream_stream(PATH)()
            await call.initial_metadata()
            return channel, call

    held = await asyncio.gather(*(hold(child) for child in children for _ in Group))
    say(len(held))
    await asyncio.Event().wait()


def say(what: int) -> None:
    """One line for who started this process."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[2])) if sys.argv[1] == "serve" else dial(sorted(Path(sys.argv[2]).iterdir()), sys.argv[3]))

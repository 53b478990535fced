"""A child in a process of its own: `python -m tests.sync.transport.child_process FOLDER ADDRESS MESSAGES MESSAGE_BYTES`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sync.transport.credentials import TlsCredentials
from sync.transport.link_dialer import dial


async def send(credentials: TlsCredentials, address: str, count: int, size: int) -> None:
    """Send `count` messages of `size` bytes, wait for the word that they came, leave."""
    session = await dial(address, credentials, server_name="district-1", session_id="process", node="street-1")
    for _ in range(count):
        await session.send(bytes(size), urgent=False)
    async for _ in session.incoming():
        break
    await session.close("all sent")


def main() -> None:
    """Read the credentials from the folder and send."""
    folder, address, count, size = sys.argv[1:]
    key, chain, root = ((Path(folder) / name).read_bytes() for name in ("key.pem", "chain.pem", "root.pem"))
    asyncio.run(send(TlsCredentials(key, chain, root), address, int(count), int(size)))


if __name__ == "__main__":
    main()

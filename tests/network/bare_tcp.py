"""Bare TCP as a process, to compare with: `python -m tests.network.bare_tcp receive ADDRESS PORT` and `send ADDRESS PORT SECONDS`.

The receiver answers each piece with its running count, as an acknowledgement of the application would be; the sender writes as fast as
the socket takes and prints how many bytes were acknowledged when its time is over. The kernel's own congestion control, as the node's
links use it.
"""

from __future__ import annotations

import asyncio
import sys

PIECE_BYTES = 16 << 10


async def receive(host: str, port: int) -> None:
    """Serve one sender, then end."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        total = 0
        try:
            while piece := await reader.read(PIECE_BYTES):
                total += len(piece)
                writer.write(total.to_bytes(8, "big"))
        except OSError:
            pass  # the sender's time is over and it went away with bytes unsent
        finally:
            writer.close()
            over.set_result(None)

    server = await asyncio.start_server(serve, host, port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    async with server:
        await over


async def send(host: str, port: int, seconds: float) -> None:
    """Send for `seconds` and print the acknowledged bytes."""
    reader, writer = await asyncio.open_connection(host, port)
    acknowledged = 0

    async def hear() -> None:
        nonlocal acknowledged
        while True:
            acknowledged = int.from_bytes(await reader.readexactly(8), "big")

    async def push() -> None:
        while True:
            writer.write(bytes(PIECE_BYTES))
            await writer.drain()

    tasks = [asyncio.create_task(hear()), asyncio.create_task(push())]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    sys.stdout.write(f"{acknowledged}\n")
    writer.transport.abort()


def main() -> None:
    """Either end."""
    if sys.argv[1] == "receive":
        asyncio.run(receive(sys.argv[2], int(sys.argv[3])))
    else:
        asyncio.run(send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))


if __name__ == "__main__":
    main()

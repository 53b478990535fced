"""A throw-away process that ends as its order says: stands for apart_main.py where a model breaks the process."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from edge_ai.models.apart import Limits
from edge_ai.models.apart_main import confine


def main() -> None:
    """Read the order and die of it."""
    order = msgspec.json.decode(sys.stdin.buffer.read())
    confine(msgspec.convert(order["limits"], Limits))
    way = order["request"]
    if way == "hang":
        signal.pause()
    elif way == "burn":
        while True:
            pass
    elif way == "eat":
        bytearray(1 << 30)  # what the machine has, and the limits of the test have not
    elif way == "babble":
        Path("result.json").write_bytes(b"x" * (2 << 20))
    elif way == "garbage":
        Path("result.json").write_bytes(b"\xff{")
    elif way == "write":
        with Path("result.json").open("wb") as file:
            while True:
                file.write(b"x" * (1 << 20))
    else:
        os.kill(os.getpid(), getattr(signal, way))


if __name__ == "__main__":
    main()

"""The pipe as a process: `python -m tests.network.tun_pipe NS-A DEV-A NS-B DEV-B KBIT-S DELAY-MS LOSS SEED`.

Owns: the packets between two TUN devices, each in a network namespace of its own. Commands come on stdin, one a line, each answered by
one line: `cut a` (nothing leaves A any more), `cut b`, `cut both`, `heal`, `stats`. Ends with its stdin. Started by plant.py.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import selectors
import struct
import sys
from pathlib import Path

from node.clock import SystemClock
from sync.model import Instant
from tests.network.shaper import Shaper, Wire

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
PACKET_BYTES_MAX = 65_535
PACKETS_PER_TURN = 64
"""Read from one device before the other has its turn."""


def open_tun(namespace: str, device: str) -> int:
    """A file descriptor of the TUN device `device` in a namespace; it works from any namespace afterwards. Raises OSError."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(Path("/var/run/netns") / namespace, os.O_RDONLY)
    try:
        _enter(there)
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
        return tun
    finally:
        _enter(home)
        os.close(home)
        os.close(there)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns refused")


class Pipe:
    """Two devices and what is on its way between them."""

    def __init__(self, ends: tuple[int, int], wire: Wire) -> None:
        self._ends = ends
        self._shapers = (Shaper(wire, salt=0), Shaper(wire, salt=1))
        self._under_way: list[tuple[int, int, int, bytes]] = []
        """(due in microseconds, order, end it leaves from, packet), a heap."""
        self._order = 0
        self._clock = SystemClock()
        self._selector = selectors.DefaultSelector()
        for side, end in enumerate(ends):
            self._selector.register(end, selectors.EVENT_READ, side)
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)

    def run(self) -> None:
        """Move packets until stdin ends."""
        is_open = True
        while is_open:
            for key, _ in self._selector.select(self._wait_s()):
                if key.data is None:
                    is_open = self._obey(sys.stdin.readline())
                else:
                    self._read(key.data)
            self._deliver(self._clock.now())

    def _wait_s(self) -> float | None:
        if not self._under_way:
            return None
        return max(0.0, Instant(self._under_way[0][0]).seconds_since(self._clock.now()))

    def _read(self, side: int) -> None:
        for _ in range(PACKETS_PER_TURN):
            try:
                packet = os.read(self._ends[side], PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            due = self._shapers[side].enter(len(packet), self._clock.now())
            if due is not None:
                self._order += 1
                heapq.heappush(self._under_way, (due.us, self._order, side, packet))

    def _deliver(self, now: Instant) -> None:
        while self._under_way and self._under_way[0][0] <= now.us:
            _, _, side, packet = heapq.heappop(self._under_way)
            if not self._shapers[side].is_cut:
                os.write(self._ends[1 - side], packet)

    def _obey(self, line: str) -> bool:
        if not line:
            return False
        words = line.split()
        if words[0] == "cut":
            for side, name in enumerate("ab"):
                self._shapers[side].is_cut = self._shapers[side].is_cut or words[1] in (name, "both")
        elif words[0] == "heal":
            for shaper in self._shapers:
                shaper.is_cut = False
        facts = [{name: getattr(shaper, name) for name in ("passed", "passed_bytes", "lost", "overflowed")} for shaper in self._shapers]
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        return True


def main() -> None:
    """Open both devices, say `ready`, and run."""
    namespace_a, device_a, namespace_b, device_b, kbit_s, delay_ms, loss, seed = sys.argv[1:]
    wire = Wire(float(kbit_s), float(delay_ms), float(loss), int(seed))
    pipe = Pipe((open_tun(namespace_a, device_a), open_tun(namespace_b, device_b)), wire)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    pipe.run()


if __name__ == "__main__":
    main()

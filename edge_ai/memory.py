"""What a process that opens and closes decoders for days does about the C library's memory.

glibc keeps for later what is freed between two blocks that stay. In a capture process, where each thread has a heap and decoders and
packets of eight cameras come and go, that crept up by some MiB an hour although nothing was lost. Another C library is left as it is.
Called by edge_ai/capture/worker.py.
"""

from __future__ import annotations

import ctypes

GIVE_BACK_PERIOD_S = 2.0
"""Seconds between two calls of `give_back`: one takes 0.1 to 1 ms, and about as much to get again what is used again."""
_library = ctypes.CDLL(None)


def give_back() -> None:
    """Let the system have every whole page that is free."""
    if (trim := getattr(_library, "malloc_trim", None)) is not None:
        trim(0)

"""What is free goes back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import psutil
import pytest

from edge_ai.memory import give_back

BLOCK_BYTES, BLOCKS = 65_536, 400
library = ctypes.CDLL(None)
if not hasattr(library, "malloc_trim"):
    pytest.skip("not glibc: its heap is left as it is", allow_module_level=True)
library.malloc.restype = ctypes.c_void_p


def rss() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.fixture
def holes() -> Iterator[int]:
    """Free memory between blocks that stay, as of a decoder between those of other cameras; the bytes of it."""
    blocks = [library.malloc(BLOCK_BYTES) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK_BYTES)
    for block in blocks[::2]:
        library.free(ctypes.c_void_p(block))
    yield BLOCKS // 2 * BLOCK_BYTES
    for block in blocks[1::2]:
        library.free(ctypes.c_void_p(block))


def test_what_is_free_between_what_is_used_goes_back_to_the_system(holes: int) -> None:
    before = rss()
    give_back()
    assert before - rss() > 0.8 * holes

"""The local API over a Unix socket: answers, errors, the socket file."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sync.transport.local_api import LocalApiCode, LocalApiError, LocalServer, call_local, call_local_async, serve_local

TIMEOUT_S = 10.0


@pytest.fixture
def path() -> object:
    """A socket path that is short wherever the tests run."""
    with TemporaryDirectory(prefix="yn-", dir="/tmp") as folder:
        yield Path(folder) / "api.sock"


async def handle(verb: str, body: bytes) -> bytes:
    match verb:
        case "echo":
            return body
        case "wait":
            await asyncio.Event().wait()
        case "explain":
            raise LocalApiError(LocalApiCode.NOT_FOUND, "resource 'x' 不存在: see `yunnao status`")
    raise LocalApiError(LocalApiCode.UNKNOWN_VERB, f"verb {verb!r} is not known")


async def started(path: Path) -> LocalServer:
    return await serve_local(path, handle)


def mode_of(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def refusal(path: Path, verb: str, *, timeout_s: float = TIMEOUT_S) -> LocalApiError:
    with pytest.raises(LocalApiError) as caught:
        await call_local_async(path, verb, b"", timeout_s)
    return caught.value


async def test_a_call_is_answered_with_and_without_a_loop(path: Path) -> None:
    server = await started(path)
    assert await call_local_async(path, "echo", b"{}", TIMEOUT_S) == b"{}"
    assert await asyncio.to_thread(call_local, path, "echo", bytes(20 << 20), TIMEOUT_S) == bytes(20 << 20)
    await server.stop()


async def test_an_error_keeps_its_code_and_its_words(path: Path) -> None:
    server = await started(path)
    error = await refusal(path, "explain")
    assert (error.code, error.text) == (LocalApiCode.NOT_FOUND, "resource 'x' 不存在: see `yunnao status`")
    assert (await refusal(path, "nonsense")).code is LocalApiCode.UNKNOWN_VERB
    assert (await refusal(path, "Drop table")).code is LocalApiCode.INVALID
    with pytest.raises(LocalApiError, match="不存在"):
        await asyncio.to_thread(call_local, path, "explain", b"", TIMEOUT_S)
    await server.stop()


async def test_a_late_answer_is_a_timeout(path: Path) -> None:
    server = await started(path)
    error = await refusal(path, "wait", timeout_s=0.1)
    assert error.code is LocalApiCode.TIMEOUT
    assert "no answer to 'wait'" in error.text
    await server.stop()


async def test_a_node_that_is_not_running_is_named_with_the_way_out(path: Path) -> None:
    error = await refusal(path, "echo")
    assert error.code is LocalApiCode.NOT_RUNNING
    assert f"no node answers on {path}: start it with `yunnao run`" in error.text


async def test_only_the_owner_may_open_the_socket(path: Path) -> None:
    server = await started(path)
    assert mode_of(path) == 0o600
    await server.stop()
    assert mode_of(path) is None


async def test_a_second_node_on_the_same_socket_is_refused_and_the_first_goes_on(path: Path) -> None:
    server = await started(path)
    with pytest.raises(LocalApiError, match="already running") as caught:
        await started(path)
    assert caught.value.code is LocalApiCode.ALREADY_RUNNING
    assert await call_local_async(path, "echo", b"1", TIMEOUT_S) == b"1"
    await server.stop()


async def test_the_socket_of_a_killed_node_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    server = await started(path)
    assert await call_local_async(path, "echo", b"2", TIMEOUT_S) == b"2"
    await server.stop()


async def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    with path.open("w") as file:
        file.write("precious")
    with pytest.raises(LocalApiError, match="is no socket"):
        await started(path)
    with path.open() as file:
        assert file.read() == "precious"


async def test_a_long_path_is_refused_with_its_length(path: Path) -> None:
    long = path.parent / ("x" * 100)
    with pytest.raises(LocalApiError, match=f"{long} has {len(str(long))} bytes, at most 99"):
        await started(long)
    assert (await refusal(long, "echo")).code is LocalApiCode.INVALID

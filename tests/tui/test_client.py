"""The client over a real socket."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.tui.fake_node import serve
from tui.client import ANSWER_BYTES_MAX, NodeApi, decode_object
from tui.errors import ApiProblem


@pytest.mark.slow
async def test_a_node_answers_over_its_socket_and_its_refusal_keeps_the_code() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = await serve(Path(folder))
        api = NodeApi(Path(folder))
        assert (await api.call("tree"))["self"] == "qd-shinan"
        with pytest.raises(ApiProblem, match="UNKNOWN_VERB"):
            await api.call("nonsense")
        await server.stop()
        with pytest.raises(ApiProblem, match="NOT_RUNNING"):
            await api.call("tree")


@pytest.mark.parametrize("answer", [b"{", b"[]", b"\xff", b" " * (ANSWER_BYTES_MAX + 1)], ids=["cut", "list", "bytes", "huge"])
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(ApiProblem, match="BAD_ANSWER"):
        decode_object("tree", answer)

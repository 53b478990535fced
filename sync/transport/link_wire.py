"""What the two ends of a link agree on below the messages: the method, the metadata, what counts as a broken stream."""

from __future__ import annotations

import asyncio

from sync.model import LinkError
from sync.transport.grpc_setup import aio, grpc

SERVICE = "yunnao.v1.Link"
METHOD = "Session"
PATH = f"/{SERVICE}/{METHOD}"

GROUP_KEY = "yunnao-group"
SESSION_KEY = "yunnao-session"
NODE_KEY = "yunnao-node"
RETRY_KEY = "yunnao-retry-ms"
"""In the last metadata of a refusal: how long the child should wait before it tries again."""
CHAIN_KEY = "yunnao-chain-bin"
"""The server's certificate chain, in the first metadata it sends; TLS has proved its leaf's name by then."""

REASON_CHARS_MAX = 400
"""A reason in a gRPC status travels in a header."""

StreamBroken = (grpc.RpcError, aio.BaseError, asyncio.InvalidStateError)
"""What gRPC raises from read and write when the stream is gone."""


RETRY_S_MAX = 60.0
"""A longer wait that a peer asks for is cut to this."""


class TryLaterError(LinkError):
    """The peer is there and takes no link now; `retry_after_s` is when it will."""

    def __init__(self, reason: str, *, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def words_of(error: BaseException) -> str:
    """One line for a person from a gRPC error."""
    details = error.details() if isinstance(error, aio.AioRpcError) else None
    return " ".join(str(details or error or type(error).__name__).split())[:REASON_CHARS_MAX]

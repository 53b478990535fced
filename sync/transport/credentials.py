"""What both ends of a link show and trust.

Owns: the three PEM values and the gRPC credentials made of them. Called by link_server, link_dialer, diagnose; filled by node/identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sync.model import LinkError
from sync.transport.grpc_setup import grpc
from sync.transport.session import PeerIdentity

Authorise = Callable[[bytes, str], PeerIdentity]
"""(PEM chain, leaf first; declared node id) -> who that is. Raises LinkError with the reason for a person."""


@dataclass(frozen=True, slots=True)
class TlsCredentials:
    """A node's private key, its certificate with the chain up to (not including) the root, and the root it trusts; all PEM."""

    key_pem: bytes = field(repr=False)
    chain_pem: bytes
    root_pem: bytes

    def for_server(self, newest: Callable[[], TlsCredentials]) -> grpc.ServerCredentials:
        """Server credentials that demand and verify a client certificate; each new connection is shown what `newest` gives then."""
        self._check()
        shown = self

        def renewed() -> Any:
            nonlocal shown
            if (now := newest()) == shown:
                return None
            shown = now
            return now.configuration()

        return grpc.dynamic_ssl_server_credentials(self.configuration(), renewed, require_client_authentication=True)

    def configuration(self) -> Any:
        """What gRPC calls a server certificate configuration."""
        return grpc.ssl_server_certificate_configuration([(self.key_pem, self.chain_pem)], self.root_pem)

    def for_channel(self) -> grpc.ChannelCredentials:
        """Channel credentials that show the node's certificate."""
        self._check()
        return grpc.ssl_channel_credentials(self.root_pem, self.key_pem, self.chain_pem)

    def _check(self) -> None:
        for name, value in (("key", self.key_pem), ("certificate chain", self.chain_pem), ("root certificate", self.root_pem)):
            if not value.startswith(b"-----BEGIN "):
                raise LinkError(f"{name} of {len(value)} bytes is not PEM: join the node again with `yunnao join`")

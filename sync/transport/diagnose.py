"""Why a link does not come up: one TLS handshake made by hand, for the words that gRPC keeps to itself.

Owns: the sentences for an address where nothing listens, a peer without TLS, certificates that either side refuses. Called by
link_dialer after a failed dial, and by `doctor`. It sends no data.
"""

from __future__ import annotations

import asyncio
import os
import ssl

from sync.model import LinkError
from sync.transport.credentials import TlsCredentials

HANDSHAKE_TIMEOUT_S = 5.0
ALERT_TIMEOUT_S = 0.5
"""With TLS 1.3 a server refuses our certificate after our side of the handshake is done; its alert comes within a round trip."""
_REFUSED = "the peer does not accept our certificate (was it issued in the same tree, and is it in date?)"
"""gRPC's server closes the connection without an alert when it refuses a client certificate under TLS 1.3."""


async def explain_failure(address: str, credentials: TlsCredentials, *, server_name: str) -> str:
    """The cause why no TLS connection to `address` stands, in words; empty when one does."""
    host, _, port = address.rpartition(":")
    try:
        context = _context(credentials)
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            connection = asyncio.open_connection(host.strip("[]"), int(port), ssl=context, server_hostname=server_name)
            reader, writer = await connection
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is refused: {error.verify_message} (is it a node of another tree, or another node than {server_name}?)"
    except ssl.SSLError as error:
        return f"the TLS handshake failed: {_words(error)}"
    except TimeoutError:
        return f"no TLS answer within {HANDSHAKE_TIMEOUT_S:.0f} s: is this a node's link address?"
    except (OSError, ValueError) as error:
        return f"{error}: is the node running and the address right?"
    try:
        return await _wait_alert(reader)
    finally:
        writer.transport.abort()


async def _wait_alert(reader: asyncio.StreamReader) -> str:
    try:
        async with asyncio.timeout(ALERT_TIMEOUT_S):
            answer = await reader.read(1)
    except TimeoutError:
        return ""
    except ssl.SSLError as error:
        return f"{_REFUSED}: {_words(error)}"
    except OSError:
        return _REFUSED
    return "" if answer else _REFUSED


def _context(credentials: TlsCredentials) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=credentials.root_pem.decode("ascii"))
    context.set_alpn_protocols(["h2"])
    # The ssl module reads keys from files only; this one lives in memory and never on a disk.
    handle = os.memfd_create("yunnao-tls")
    try:
        os.write(handle, credentials.key_pem + b"\n" + credentials.chain_pem)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    except ssl.SSLError as error:
        raise LinkError(f"own key and certificate do not fit together: {_words(error)}") from None
    finally:
        os.close(handle)
    return context


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")

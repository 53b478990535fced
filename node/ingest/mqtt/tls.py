"""TLS of the sensor door: its own certificate, and the authority whose certificates devices may show. Called by node/ingest/plane.py."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from node.ingest.errors import CertificateError


def server_context(certificate: Path, key: Path, *, client_ca: Path | None) -> ssl.SSLContext:
    """A context for listeners; with `client_ca` it asks for certificates of that authority and takes clients without one, too.

    Raises CertificateError naming the file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _take(f"certificate {certificate} with key {key}", lambda: context.load_cert_chain(certificate, key))
    if client_ca is not None:
        _take(f"authority {client_ca}", lambda: context.load_verify_locations(client_ca))
        # Asked for, not demanded: a device without one may still have a password.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _take(what: str, load: Callable[[], None]) -> None:
    try:
        load()
    except OSError as error:
        raise CertificateError(f"the door's {what} cannot be used: {error}; give PEM files that belong together, see [devices]") from error

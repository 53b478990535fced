"""gRPC, quiet and with the channel options that both ends of a link and the local API share.

Owns: every gRPC option with its reason. Imported by the other files of this package only, before they use gRPC.
"""

from __future__ import annotations

import os

# gRPC's C core writes handshake failures of strangers to stderr by itself; it reads these variables once, when it is loaded.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GLOG_minloglevel", "3")

import grpc
from grpc import aio

from sync.transport.session import MESSAGE_BYTES_MAX

METADATA_BYTES_MAX = 64 << 10
"""Room for a certificate chain of six."""
KEEPALIVE_MS = 10_000
"""A silent connection is probed this often, so that NATs and dead peers are noticed."""
KEEPALIVE_TIMEOUT_MS = 60_000
"""A ping waits behind the frame that is being written, which on a thin link takes its time; that a peer is silent is noticed by its missing
heartbeats long before (node/links/speaking.py)."""
KEEPALIVE_TOLERATED_MS = 5_000
"""A server takes pings this often; it must be below KEEPALIVE_MS, or the third ping of an idle connection ends it for too many pings."""
SERVER_HANDSHAKE_MS = 30_000
"""Time for TCP and TLS of a connection to stand."""
CONNECTION_IDLE_MS = 60_000
"""A connection without a stream is closed after this."""
CONNECTION_STREAMS_MAX = 16
"""Streams one connection may have open; more than one certificate may, so that too many are refused by name."""
FRAME_BYTES_MAX = 1 << 20
"""HTTP/2 frame size: fewer, larger writes for messages of about 1 MiB."""
WINDOW_BYTES = 8 << 20
"""Flow-control window of a stream: 640 Mbit/s over a path of 100 ms. Left to itself gRPC enlarges windows to bandwidth times delay without
an upper bound: over a path of 100 ms it took 300 MiB of a peer for a reader that did not read."""

Options = list[tuple[str, int | str]]

COMMON: Options = [
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.max_frame_size", FRAME_BYTES_MAX),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", WINDOW_BYTES),
]

SERVER: Options = [
    *COMMON,
    # Two nodes on one port would each get half of the children.
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_TOLERATED_MS),
    # A peer that connects and does not go on holds a socket no longer than this.
    ("grpc.server_handshake_timeout_ms", SERVER_HANDSHAKE_MS),
    ("grpc.max_connection_idle_ms", CONNECTION_IDLE_MS),
    # A session has one stream on a connection; without a bound, thousands of halves are refused in Python one by one.
    ("grpc.max_concurrent_streams", CONNECTION_STREAMS_MAX),
]

CHANNEL: Options = [
    *COMMON,
    # The engine reconnects; a retry hidden in here would resend without its knowledge.
    ("grpc.enable_retries", 0),
    # Without its own pool gRPC puts both groups of a session on one TCP connection.
    ("grpc.use_local_subchannel_pool", 1),
    # Links go where the configuration says, whatever the environment holds.
    ("grpc.enable_http_proxy", 0),
]

__all__ = ["CHANNEL", "COMMON", "KEEPALIVE_MS", "KEEPALIVE_TOLERATED_MS", "MESSAGE_BYTES_MAX", "SERVER", "Options", "aio", "grpc"]

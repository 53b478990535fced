"""Tests of the transport: links over mTLS and the local API over a Unix socket, on loopback."""

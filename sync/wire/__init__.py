"""Bytes on the link: protobuf messages and Arrow payloads, checked before use."""

"""Writes the fixtures of a format that is not released yet: `python -m tests.sync.wire.make_golden`. Never run for a released one."""

from __future__ import annotations

from pathlib import Path

from sync.wire.codec import encode
from sync.wire.codec_batch import header_digest
from tests.sync.wire.samples import sample_header, sample_messages

GOLDEN = Path(__file__).parent / "golden"
NEWER_FORMAT = b"\x08\x02"


def main() -> None:
    """Write one hex file per message type, the header digest and two messages of a newer program."""
    for name, message in sample_messages().items():
        write(name, encode(message))
    write("header-digest", header_digest(sample_header()))
    write("newer-unknown-body", NEWER_FORMAT + b"\xf2\x01\x03new" + b"\xf8\x01\x07")
    write("newer-unknown-fields", NEWER_FORMAT + b"\x52\x0d\x0a\x07upgrade\xa2\x06\x01x" + b"\xf8\x01\x07")


def write(name: str, data: bytes) -> None:
    """One fixture, 64 bytes a line."""
    text = data.hex()
    (GOLDEN / f"{name}.hex").write_text("".join(f"{text[at : at + 128]}\n" for at in range(0, len(text), 128)), "ascii")


if __name__ == "__main__":
    main()

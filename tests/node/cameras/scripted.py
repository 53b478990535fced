"""A process for tests of the supervisor: does what the first word of its description says. Not a test."""

from __future__ import annotations

import signal
import sys
from pathlib import Path


def main() -> None:
    """Fail with words, or live until it is told to end."""
    words = Path(sys.argv[2]).read_text(encoding="utf-8")
    if words == "fail":
        sys.stderr.write("first line\nno room for a frame ring\n")
        sys.exit(2)
    if words == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()

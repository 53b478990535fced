"""The password file of the sensor door: one `user:salt:hash` line per user, hashes by scrypt (RFC 7914).

Reads the file and checks passwords; `make_entry` makes a line. A checked password is remembered as a keyed digest, so that five hundred
devices that
come back at once do not cost five hundred scrypt runs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from node.identity.chance import new_secret
from node.ingest.errors import PasswordError

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
"""Cost parameters: 16 MiB and about 50 ms a check."""
HASH_BYTES = 32
ENTRIES_MAX = 100_000
"""Users in one file."""
USER_CHARS_MAX = 128
PASSWORD_BYTES_MAX = 1_024


def make_entry(user: str, password: str, *, salt: str | None = None) -> str:
    """A line of the password file for `user`, without line end; raises PasswordError for a name or password that cannot be kept."""
    if not user or len(user) > USER_CHARS_MAX or ":" in user or not user.isprintable():
        raise PasswordError(f"user name {user!r} refused: 1 to {USER_CHARS_MAX} printable characters without ':'")
    if not 0 < len(password.encode()) <= PASSWORD_BYTES_MAX:
        raise PasswordError(f"the password of {user!r} refused: 1 to {PASSWORD_BYTES_MAX} bytes")
    salt = salt or new_secret()
    return f"{user}:{salt}:{base64.b64encode(_hash(password.encode(), salt)).decode()}"


def _hash(password: bytes, salt: str) -> bytes:
    return hashlib.scrypt(password, salt=salt.encode(), n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=HASH_BYTES)


class Passwords:
    """Who may connect. `check` takes tens of milliseconds the first time: call it on a worker thread."""

    def __init__(self, entries: Mapping[str, tuple[str, bytes]]) -> None:
        self._entries = dict(entries)
        self._key = new_secret().encode()
        self._seen: dict[str, bytes] = {}

    @classmethod
    def load(cls, path: Path) -> Passwords:
        """The users of the file at `path`; raises PasswordError naming file and line."""
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise PasswordError(
                f"password file {path} cannot be read: {error}; make entries with `yunnao` and name the file in [devices]"
            ) from None
        if len(lines) > ENTRIES_MAX:
            raise PasswordError(f"password file {path} has {len(lines)} lines; at most {ENTRIES_MAX}")
        entries = {}
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith("#"):
                user, salt, digest = _parse(line, f"{path}:{number}")
                entries[user] = (salt, digest)
        return cls(entries)

    def check(self, user: str | None, password: bytes | None) -> bool:
        """True when `password` is the one of `user`; an unknown user costs as much time as a known one."""
        if user is None or password is None or len(password) > PASSWORD_BYTES_MAX:
            return False
        token = hmac.digest(self._key, user.encode() + b"\0" + password, "sha256")
        seen = self._seen.get(user)
        if seen is not None and hmac.compare_digest(seen, token):
            return True
        salt, wanted = self._entries.get(user, ("nobody", bytes(HASH_BYTES)))
        is_right = hmac.compare_digest(_hash(password, salt), wanted) and user in self._entries
        if is_right:
            self._seen[user] = token
        return is_right


def _parse(line: str, where: str) -> tuple[str, str, bytes]:
    parts = line.strip().split(":")
    try:
        user, salt, encoded = parts
        digest = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise PasswordError(f"{where}: not a line user:salt:hash") from None
    if len(digest) != HASH_BYTES or not user or not salt:
        raise PasswordError(f"{where}: user, salt or hash is not as make_entry writes it")
    return user, salt, digest

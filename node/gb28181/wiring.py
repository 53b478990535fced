"""The client of a GB/T 28181 platform put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from node.assembly import Parts
from node.cameras.directory_desk import DirectoryDesk
from node.cameras.directory_query import Question
from node.config.check import split_address
from node.gb28181.client import Facts, PlatformClient
from node.gb28181.dialogue import Account
from node.gb28181.errors import GbRefused
from sync.model import MICROSECONDS

GRADE_MAX = 2
"""Points above L2 are not told to a platform."""
DOMAIN_DIGITS = 10
"""A SIP domain is the first digits of the platform's code (GB/T 28181-2016 annex D)."""
PASSWORD_BYTES_MAX = 1_024


def platform_of(parts: Parts, directory: DirectoryDesk, rng: Random) -> PlatformClient | None:
    """The client; None where no platform is configured. Raises GbRefused for a password file that cannot be used."""
    section, config = parts.config.file.gb28181, parts.config
    if not section.platform:
        return None
    host, port = split_address(section.platform)
    account = Account(
        device=section.device_id, platform=section.platform_id, domain=section.domain or section.platform_id[:DOMAIN_DIGITS],
        user=section.user or section.device_id,
        password=_password(config.resolve(section.password_file)) if section.password_file else "",
        local=section.local or "0.0.0.0:0", is_reliable=section.transport == "tcp", expires_s=section.expires_s,
        keepalive_s=section.keepalive_s,
    )  # fmt: skip
    territory = section.territory or parts.me.territory

    async def points(after: str, limit: int) -> list[dict[str, Any]]:
        return await directory.points(Question(territory=territory, after=after, limit=limit, grade_max=GRADE_MAX))

    async def count() -> int:
        return sum((await directory.counts(Question(territory=territory, grade_max=GRADE_MAX))).values())

    def local_time() -> str:
        moment = datetime.fromtimestamp(parts.clock.wall_us() / MICROSECONDS, UTC) + timedelta(minutes=config.links.utc_offset_minutes)
        return moment.strftime("%Y-%m-%dT%H:%M:%S")

    facts = Facts(name=config.node.name or config.node.id, software=parts.me.software, points=points, count=count, local_time=local_time)
    local = split_address(section.local) if section.local else None
    return PlatformClient(account, host, port, facts, parts.clock, rng, local)


def _password(path: Path) -> str:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise GbRefused(f"{path} refused: others may read the password in it; `chmod 600 {path}`")
        with path.open("rb") as file:
            return file.read(PASSWORD_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        words = f"the platform's password in {path} cannot be read ({type(error).__name__})"
        raise GbRefused(f"{words}: write it there, or correct 'password_file' of [gb28181]") from None

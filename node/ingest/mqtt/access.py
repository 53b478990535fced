"""Who may come under which client id and what it may say: the access rules of the sensor door.

A client has an identity when it showed a password or a certificate. Without a rule for it, an identity speaks for the device of its own
name and nobody else. Without an identity (anonymous clients, where the configuration lets them in) everything is permitted. Made from the
configuration by node/ingest/plane.py; asked by the door and, through `Rights`, by the intake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from node.ingest.mqtt.filters import matches

DECISIONS_MAX = 4_096
"""Answers that one client's rights remember."""
NAME_SEPARATORS = "/.:"
"""What may follow an identity in the name of a device or client that is its own: `pump-7/inlet` belongs to `pump-7`."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """What one identity may do. `%u` stands for the identity, `%c` for the client id; `user` may be `*` for every identity."""

    user: str
    topics: tuple[str, ...] = ("#",)
    """Topic filters it may publish on."""
    devices: tuple[str, ...] = ("%u",)
    """Names of devices it speaks for: `*` and `?` as in file names."""
    clients: tuple[str, ...] = ("%u",)
    """Client ids it may come under, as `devices`."""


@dataclass(frozen=True, slots=True)
class ClientRights:
    """What one client may say; implements sink.Rights."""

    identity: str
    """Empty for an anonymous client."""
    topics: tuple[str, ...] = ("#",)
    devices: tuple[str, ...] = ()
    own: str = ""
    """Names that begin with it and a separator are its own, too; empty for none."""
    is_free: bool = False
    _said: dict[str, bool] = field(default_factory=dict)

    def may_publish(self, topic: str) -> bool:
        """True when a filter takes `topic`."""
        return self.is_free or "#" in self.topics or any(matches(pattern, topic) for pattern in self.topics)

    def speaks_for(self, device: str) -> bool:
        """True when `device` is its own or named by a rule."""
        known = self._said.get(device)
        if known is None:
            known = self.is_free or _is_own(device, self.own) or any(fnmatchcase(device, pattern) for pattern in self.devices)
            if len(self._said) < DECISIONS_MAX:
                self._said[device] = known
        return known


ANONYMOUS = ClientRights("", is_free=True)
"""What a client may say that nobody knows, where the configuration lets it in."""


class Access:
    """The rules of a node."""

    def __init__(self, rules: Sequence[AccessRule] = (), *, is_open: bool = False) -> None:
        self._rules = {rule.user: rule for rule in rules}
        self.is_open = is_open
        """True for the profile of conformance tests: everything is permitted, and clients hear each other."""

    def may_come(self, identity: str, client: str) -> bool:
        """True when `identity` may connect as `client`."""
        if not identity or self.is_open:
            return True
        rule = self._rule(identity)
        if rule is None:
            return client == identity or _is_own(client, identity)
        return any(fnmatchcase(client, _filled(pattern, identity, client)) for pattern in rule.clients) or _is_own(client, identity)

    def rights_of(self, identity: str, client: str) -> ClientRights:
        """What `identity` may say as `client`."""
        if not identity or self.is_open:
            return ClientRights(identity, is_free=True) if identity else ANONYMOUS
        rule = self._rule(identity)
        if rule is None:
            return ClientRights(identity, own=identity)
        topics = tuple(pattern.replace("%u", identity).replace("%c", client) for pattern in rule.topics)
        return ClientRights(identity, topics, tuple(_filled(pattern, identity, client) for pattern in rule.devices))

    def _rule(self, identity: str) -> AccessRule | None:
        return self._rules.get(identity) or self._rules.get("*")


def _is_own(name: str, own: str) -> bool:
    return bool(own) and (name == own or (name.startswith(own) and name[len(own)] in NAME_SEPARATORS))


def _filled(pattern: str, identity: str, client: str) -> str:
    """`pattern` with the names put in; a name's own `*`, `?` and `[` mean themselves."""
    return pattern.replace("%u", _literal(identity)).replace("%c", _literal(client))


def _literal(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)

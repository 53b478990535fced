"""Errors of identity and join.

IdentityError
+-- KeyFileError        a key or certificate file is missing, unreadable or open to others
+-- ChainError          a certificate chain was refused; `check` says by which check
+-- JoinError           joining did not come about
    +-- JoinRefused     the parent said no; `refusal` says why
    +-- ForeignCa       the CA at the address is not the one the token names
    +-- JoinUnreachable nobody answers at the address, or what answers is not a join service
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from node.errors import EXIT_NEGATIVE, EXIT_REFUSED, EXIT_UNREACHABLE, NodeError


class IdentityError(NodeError):
    """Base of every error of identity and join."""


class KeyFileError(IdentityError):
    """A key or certificate file is missing, unreadable or open to others."""


class Check(Enum):
    """The checks of a chain; the value is the word an operator reads."""

    STRUCTURE = "structure"
    FOREIGN_CA = "foreign CA"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    OUTSIDE_TERRITORY = "outside territory"
    WRONG_LEVEL = "wrong level"
    WRONG_NAME = "wrong name"


class ChainError(IdentityError):
    """A certificate chain or request was refused by one named check."""

    exit_code: ClassVar[int] = EXIT_REFUSED

    def __init__(self, check: Check, message: str) -> None:
        super().__init__(f"{check.value}: {message}")
        self.check = check


class JoinError(IdentityError):
    """Joining did not come about."""

    exit_code: ClassVar[int] = EXIT_NEGATIVE


class Refusal(Enum):
    """Why a parent refuses to admit a node; the value travels on the wire."""

    WRONG_TOKEN = "wrong token"  # noqa: S105 - a reason, not a secret
    EXPIRED = "token expired"
    USED = "token used already"
    OUTSIDE_TERRITORY = "territory outside"
    LEVEL = "level not below"
    NODE_TAKEN = "node id taken"
    BAD_REQUEST = "bad request"
    BY_OPERATOR = "refused by the operator"
    UNKNOWN_NODE = "unknown node"
    BUSY = "busy"


class JoinRefused(JoinError):
    """The parent refused; `refusal` is the closed reason, the message says it with values."""

    exit_code: ClassVar[int] = EXIT_REFUSED

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(f"{refusal.value}: {message}")
        self.refusal = refusal
        self.detail = message


class ForeignCa(JoinError):
    """The CA at the address is not the one the token names."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class JoinUnreachable(JoinError):
    """Nobody answers at the address, or what answers is not a join service."""

    exit_code: ClassVar[int] = EXIT_UNREACHABLE

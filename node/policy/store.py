"""The policy bundles this node holds, on disk and in force: what peers lack, what they bring, and the compiled gate.

A bundle is taken only when its signature leads to the pinned root and its epoch is newer; so is a slice of one (node/policy/slicing.py says
which a node wants). A resource that a slice does not answer for is not defined here, and what is undefined is held.
Reading, verifying and merging a long list takes seconds: on an event loop `await prepare(...)` first, which does it in a thread, and the
`take` that follows only brings it into force. Dates make other plans of the same bundles: whoever has a timer calls `look_at_dates`, and
what was held because of them is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.clock import Clock
from node.identity.bundle_seal import BundleSeal
from node.policy.held import Decode, Held, read_folder, slice_held, whole_held, write
from policies.bundle import Bundle, SignedBundle, decode_signed
from policies.errors import PolicyError
from policies.gate import CompiledGate
from policies.ruleset import Ruleset, merge
from policies.slices import covered_alike
from policies.words import Reason
from sync.model import PolicyVersion, code_contains

log = logging.getLogger("yunnao.policy")

ISSUERS_MAX = 64
"""Issuers whose bundles a node holds at once: its own chain and a margin."""

HELD_OUT_OF_DATE = frozenset({Reason.STALE_POLICY.word})
"""Why records are held while the clock lies outside the dates of the bundles."""
HELD_FOR_A_TIME = HELD_OUT_OF_DATE | {Reason.PROVISIONAL_HOLD.word}
"""Why records are held that may go when any date has passed."""
HELD_WITHOUT_SLICE = frozenset({Reason.UNCLASSIFIED.word})
"""Why records are held whose resource is in no slice here."""

CompileGate = Callable[[Ruleset], CompiledGate]


@dataclass(frozen=True, slots=True)
class _Change:
    """What an offer makes of the bundles in force: worked out, not in force."""

    base: Mapping[str, Held]
    """The bundles in force that it was worked out from; once others are, it is out of date."""
    newer: Mapping[str, Held]
    """Empty when the offer brings nothing new."""
    ruleset: Ruleset
    gate: CompiledGate


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An offer that was worked out before it is taken."""

    offered: tuple[bytes, ...]
    slices: tuple[bytes, ...]
    change: _Change


class PolicyStore:
    """Bundles by issuer.

    `on_new` is called after a bundle came into force, `on_dates` with the reasons for which records were held and that a passed date
    may have ended.
    """

    def __init__(self, folder: Path, *, seal: BundleSeal, compile_gate: CompileGate, clock: Clock, decode: Decode = decode_signed) -> None:
        """`decode` reads strictly what peers send; who runs many nodes in one process gives one that remembers."""
        self.on_new: Callable[[], None] = lambda: None
        self.on_dates: Callable[[frozenset[str]], None] = lambda reasons: None
        self.closed: Callable[[str], str] = lambda resource: ""
        """Why nothing of a resource may be read here now; empty when it may. Set by node/recall, asked by whoever reads rows."""
        self.needed: Callable[[str], bool] = lambda resource: False
        """Asks for the slice of a resource; True when it is not here and on its way. Set by node/policy/slicing.py."""
        self.cuts_slices = False
        """True when trees are to be grown with the bundles, in the same thread, because slices are cut from them here."""
        self._folder = folder
        self._seal = seal
        self._compile = compile_gate
        self._clock = clock
        self._decode = decode
        self._held: Mapping[str, Held] = {}
        self._prepared: _Prepared | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = read_folder(folder, seal, decode)
        self._bring_into_force(held, *self._compiled(held))
        # The node may have been off when its clock came right: then nobody noticed.
        self._perhaps_over = HELD_OUT_OF_DATE

    @property
    def version(self) -> PolicyVersion:
        """The version in force."""
        return self.ruleset.version

    @property
    def gate(self) -> CompiledGate:
        """The compiled policy in force; one whose dates moved on is compiled again. Any thread may ask."""
        now_us = self._clock.wall_us()
        if now_us < self._since_us or (self._changes_us is not None and now_us >= self._changes_us):
            self._bring_into_force(self._held, self.ruleset, self._compile(self.ruleset))
            self._perhaps_over = HELD_FOR_A_TIME
        return self._gate

    def look_at_dates(self) -> None:
        """Tell `on_dates` if a date passed since the last look and the bundles are in their dates now."""
        version = self.gate.version
        if self._perhaps_over and not self.ruleset.is_stale(self._clock.wall_us()):
            over, self._perhaps_over = self._perhaps_over, frozenset()
            log.info("policy %s is in its dates: what was held for %s is decided again", version.digest.hex()[:8], ", ".join(sorted(over)))
            self.on_dates(over)

    def missing_in(self, version: PolicyVersion, territory: str) -> tuple[bytes, ...]:
        """The whole bundles that a peer of this version and territory lacks: of issuers above it and below it, not of its neighbours."""
        return tuple(held.data for issuer, held in self.concerning(territory) if version.epoch(issuer) < held.bundle.epoch and held.data)

    def concerning(self, territory: str) -> list[tuple[str, Held]]:
        """Issuers above and below a territory with what is in force of them, sorted."""
        return [(issuer, held) for issuer, held in sorted(self._held.items()) if _touch(held.reach, territory)]

    @property
    def slices(self) -> dict[str, Held]:
        """The bundles of which only a slice is in force, by issuer."""
        return {issuer: held for issuer, held in self._held.items() if held.part is not None}

    def covers(self, resource: str) -> bool:
        """True unless some bundle is here in a slice that does not answer for the resource."""
        return all(held.part is None or held.part.covers(resource) for held in self._held.values())

    def take(self, bundles: Iterable[bytes], slices: Iterable[bytes] = ()) -> None:
        """Bundles and slices from a peer: bring the newer ones into force, all or none.

        Raises PolicyError for a forged or malformed one, and when the rules do not fit together.
        """
        self._adopt(self._worked_out(tuple(bundles), tuple(slices)))

    async def prepare(self, bundles: Iterable[bytes], slices: Iterable[bytes] = ()) -> None:
        """Work out in a thread what `take` of the same bundles brings, so that it does not hold up the event loop; the same errors."""
        offered, parts = tuple(bundles), tuple(slices)
        if offered or parts:
            self._prepared = _Prepared(offered, parts, await asyncio.to_thread(self._change_by_bytes, offered, parts))

    def grow_trees(self) -> None:
        """Grow the trees that slices are cut from; any thread may, and should where a catalogue is large."""
        self.cuts_slices = True
        for held in self._held.values():
            held.source()

    def install(self, signed: SignedBundle) -> None:
        """A bundle issued here."""
        self._adopt(self._change([(signed, signed.encode())]))

    async def install_aside(self, signed: SignedBundle) -> None:
        """As `install`, worked out in a thread; where another bundle came into force meanwhile, worked out again."""
        while True:
            change = await asyncio.to_thread(lambda: self._change([(signed, signed.encode())]))
            if change.base is self._held:
                break
        self._adopt(change)

    def territory_of(self, issuer: str) -> str:
        """Territory of an issuer whose bundle is in force; empty for any other."""
        held = self._held.get(issuer)
        return held.reach if held else ""

    def held(self, issuer: str) -> Bundle | None:
        """The bundle in force of one issuer."""
        held = self._held.get(issuer)
        return held.bundle if held else None

    def _worked_out(self, offered: tuple[bytes, ...], slices: tuple[bytes, ...]) -> _Change:
        prepared, self._prepared = self._prepared, None
        is_the_same = prepared is not None and (prepared.offered, prepared.slices) == (offered, slices)
        if prepared is not None and is_the_same and prepared.change.base is self._held:
            return prepared.change
        return self._change_by_bytes(offered, slices)

    def _change_by_bytes(self, offered: Sequence[bytes], slices: Sequence[bytes]) -> _Change:
        known = {held.data: held.signed for held in self._held.values() if held.signed is not None}
        return self._change([(known.get(data) or self._decode(data), data) for data in offered], slices)

    def _change(self, offered: list[tuple[SignedBundle, bytes]], slices: Sequence[bytes] = ()) -> _Change:
        """What an offer makes of the bundles in force now; touches nothing, so any thread may ask. Raises PolicyError."""
        base, newer = self._held, dict[str, Held]()
        for signed, data in sorted(offered, key=lambda entry: entry[0].bundle.epoch):
            if (whole := whole_held(signed, data, base.get(signed.bundle.issuer), self._seal)) is not None:
                newer[whole.bundle.issuer] = whole
        for data in slices:
            if (part := slice_held(data, {**base, **newer}, self._seal)) is not None:
                newer[part.bundle.issuer] = part
        if not newer:
            return _Change(base, newer, self.ruleset, self._gate)
        held = {**base, **newer}
        if len(held) > ISSUERS_MAX:
            raise PolicyError(f"bundles of {', '.join(sorted(newer))} refused: at most {ISSUERS_MAX} issuers are held")
        if self.cuts_slices:
            for each in newer.values():
                each.source()
        return _Change(base, newer, *self._compiled(held))

    def _adopt(self, change: _Change) -> None:
        if not change.newer:
            return
        is_wider = any(held.part is not None for held in change.base.values()) and change.ruleset.version == self.version
        # Enforced first: rules that do not compile together must not be on disk, where they would keep the node from starting.
        self._bring_into_force({**change.base, **change.newer}, change.ruleset, change.gate)
        try:
            for _, bundle in sorted(change.newer.items()):
                write(self._folder, bundle)
        except OSError as error:
            raise PolicyError(
                f"bundles in force but not kept ({error}): free space in {self._folder}, a restart asks for them again"
            ) from error
        finally:
            log.info("policy %s in force", self.version.digest.hex()[:8])
            self.on_new()
            if is_wider:
                self.on_dates(HELD_WITHOUT_SLICE)

    def _compiled(self, held: Mapping[str, Held]) -> tuple[Ruleset, CompiledGate]:
        ruleset = merge(covered_alike((entry.bundle, entry.part) for entry in held.values()))
        return ruleset, self._compile(ruleset)

    def _bring_into_force(self, held: Mapping[str, Held], ruleset: Ruleset, gate: CompiledGate) -> None:
        self._held, self.ruleset, self._gate = held, ruleset, gate
        now_us = self._clock.wall_us()
        self._since_us, self._changes_us = ruleset.last_change_us(now_us), ruleset.next_change_us(now_us)


def _touch(one: str, other: str) -> bool:
    return code_contains(one, other) or code_contains(other, one)

"""A bundle in force: whole, or the slice of it that this node works with; and its files.

Files: `<issuer>.json` is a whole bundle and `<issuer>.root` the signed root beside it, `<issuer>.slice` a slice. Refuses what does not lead
to the pinned root. Called by node/policy/store.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.files import write_durably
from node.identity.bundle_seal import BundleSeal
from policies.bundle import Bundle, SignedBundle, newer_than
from policies.errors import BundleError, PolicyError
from policies.roots import SignedRoot, check_succession
from policies.slice_wire import decode, encode, is_alone
from policies.slices import Slice, Texts, alone, root_of, whole_of

log = logging.getLogger("yunnao.policy")

WHOLE, ROOT, SLICE = ".json", ".root", ".slice"

Decode = Callable[[bytes], SignedBundle]


class Tree:
    """The tree of a whole bundle, grown when slices are first cut from it: that takes a second for ten thousand resources."""

    def __init__(self, bundle: Bundle, signed: SignedRoot) -> None:
        self._bundle = bundle
        self.signed = signed
        self._grown: Slice | None = None
        self._is_sound = True

    def grow(self) -> Slice | None:
        """The tree; None when the signed root is of other contents, so that only the whole bundle can be served. Any thread may ask."""
        if self._grown is None and self._is_sound:
            try:
                self._grown = whole_of(self._bundle, self.signed)
            except BundleError as error:
                log.warning("%s; peers get the whole bundle", error)
                self._is_sound = False
        return self._grown


@dataclass(frozen=True, slots=True)
class Held:
    """A bundle in force."""

    bundle: Bundle
    """Whole, or what the slice says."""
    reach: str
    """Territory of its issuer."""
    data: bytes = field(default=b"", repr=False)
    """A whole bundle as it travels, kept because every child that comes back is offered it; empty for a slice."""
    signed: SignedBundle | None = None
    """The whole bundle as `data` decodes; None for a slice."""
    part: Slice | None = None
    """The slice; None for a whole bundle."""
    tree: Tree | None = None
    """Of a whole bundle, when its signed root is here."""

    def source(self) -> Slice | None:
        """What slices are cut from; None when only the whole bundle can be served."""
        return self.part if self.part is not None else self.tree.grow() if self.tree is not None else None

    def root_alone(self) -> bytes:
        """The signed root for a peer that gets the whole bundle; empty when it is not here."""
        return encode(alone(self.tree.signed)) if self.tree is not None else b""


def whole_held(signed: SignedBundle, data: bytes, former: Held | None, seal: BundleSeal) -> Held | None:
    """The bundle, or None when it brings nothing new; raises BundleError for a forged one."""
    if former is not None and signed is former.signed:
        return None
    reach = seal.territory_of(signed)
    # A peer that has not seen the newest epoch offers an older one in good faith.
    if former is not None and signed.bundle.epoch < former.bundle.epoch:
        return None
    if former is not None and former.part is not None and signed.bundle.epoch == former.bundle.epoch:
        check_succession(root_of(signed.bundle), former.part.root)
        return Held(signed.bundle, reach, data, signed, tree=Tree(signed.bundle, former.part.signed))
    if not newer_than(signed.bundle, former.bundle if former else None):
        return None
    root = seal.own_root(signed.bundle)
    return Held(signed.bundle, reach, data, signed, tree=Tree(signed.bundle, root) if root else None)


def slice_held(data: bytes, held: Mapping[str, Held], seal: BundleSeal) -> Held | None:
    """What a slice, or a root by itself, makes of what is held; None when it brings nothing new. Raises BundleError for a forged one."""
    part = decode(data, lambda issuer: _known_texts(held, issuer))
    root, former = part.root, held.get(part.root.issuer)
    if former is not None and root.epoch < former.bundle.epoch:
        return None
    if former is not None and former.part is None and root.epoch == former.bundle.epoch:
        return _with_root(former, part.signed, seal)
    if is_alone(part):
        return None
    if former is not None and former.part is not None and not check_succession(root, former.part.root):
        if part.codes is not None and former.part.codes is not None and part.codes <= former.part.codes:
            return None
        joined = former.part.joined(part)
        return Held(joined.bundle(), former.reach, part=joined)
    return Held(part.bundle(), seal.territory_of_root(part.signed), part=part)


def read_folder(folder: Path, seal: BundleSeal, decode_whole: Decode) -> dict[str, Held]:
    """All that is kept, by issuer; raises PolicyError for a whole bundle that does not hold.

    When a slice does not hold, nothing counts but this node's own bundle: the rules of the others alone would be looser than the rules.
    """
    held: dict[str, Held] = {}
    for path in sorted(folder.glob(f"*{WHOLE}")):
        data = path.read_bytes()
        signed = decode_whole(data)
        whole = Held(signed.bundle, seal.territory_of(signed), data, signed)
        held[signed.bundle.issuer] = _with_kept_root(whole, path.with_suffix(ROOT), seal)
    for path in sorted(folder.glob(f"*{SLICE}")):
        # A whole bundle of the same epoch beside a slice: the node went down between writing the one and deleting the other.
        try:
            kept = slice_held(path.read_bytes(), {}, seal)
        except PolicyError as error:
            log.warning("%s is damaged (%s): records are held until the parent has sent all rules again", path.name, error)
            return {issuer: each for issuer, each in held.items() if seal.own_root(each.bundle) is not None}
        former = held.get(kept.bundle.issuer) if kept is not None else None
        if kept is not None and (former is None or former.bundle.epoch < kept.bundle.epoch):
            held[kept.bundle.issuer] = kept
    return held


def write(folder: Path, held: Held) -> None:
    """Keep a bundle. Raises OSError."""
    place = folder / held.bundle.issuer
    if held.part is not None:
        write_durably(place.with_name(place.name + SLICE), encode(held.part))
        leftover = (WHOLE, ROOT)
    else:
        write_durably(place.with_name(place.name + WHOLE), held.data)
        if held.tree is not None:
            write_durably(place.with_name(place.name + ROOT), held.root_alone())
        leftover = (SLICE, SLICE if held.tree is not None else ROOT)
    for suffix in leftover:
        place.with_name(place.name + suffix).unlink(missing_ok=True)


def _known_texts(held: Mapping[str, Held], issuer: str) -> Texts:
    """Texts that need not travel: those of all slices, as this node tells its parent, and of a whole bundle of the issuer."""
    known = {digest: text for each in held.values() if each.part is not None for digest, text in each.part.texts.items()}
    former = held.get(issuer)
    source = former.source() if former is not None and former.part is None else None
    return {**known, **source.texts} if source is not None else known


def _with_root(held: Held, signed: SignedRoot, seal: BundleSeal) -> Held | None:
    if held.tree is not None:
        return None
    seal.territory_of_root(signed)
    return replace(held, tree=Tree(held.bundle, signed))


def _with_kept_root(held: Held, path: Path, seal: BundleSeal) -> Held:
    """With the root kept beside the bundle, or, for this node's own, one signed now: an earlier version of the program made none."""
    if path.exists():
        try:
            part = decode(path.read_bytes(), lambda issuer: {})
            if (part.root.issuer, part.root.epoch) == (held.bundle.issuer, held.bundle.epoch):
                return _with_root(held, part.signed, seal) or held
        except PolicyError as error:
            log.warning("%s is left out: %s", path.name, error)
    own = seal.own_root(held.bundle)
    return held if own is None else replace(held, tree=Tree(held.bundle, own))

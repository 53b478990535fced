"""`python -m tests.fuzz --cases 200000 --seed 1 [name ...]`: as many mutants of every decoder's samples as wanted."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.run import fuzz
from tests.fuzz.targets import targets


def main() -> int:
    """Print a line for each target; 1 when something escaped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", help="targets whose name contains one of these; all by default")
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    has_escaped = False
    for target in targets():
        if args.names and not any(name in target.name for name in args.names):
            continue
        outcome = fuzz(target, cases=args.cases, seed=args.seed)
        sys.stdout.write(f"{target.name:<20} {outcome.taken:>9} taken {outcome.refused:>9} refused {len(outcome.escapes):>3} escaped\n")
        for escape in outcome.escapes:
            sys.stdout.write(f"    {escape.error[:200]}\n    {escape.data[:200].hex()}\n")
        has_escaped = has_escaped or bool(outcome.escapes)
    return int(has_escaped)


if __name__ == "__main__":
    sys.exit(main())

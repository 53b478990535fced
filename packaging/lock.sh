#!/bin/sh
# Resolves the dependencies of pyproject.toml again, for Python 3.11 to 3.13 and every platform, into the two lock files.
# After it, `packaging/wheels.sh DIR` and `packaging/sizes.sh DIR` record what a set-up downloads.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

command -v uv >/dev/null 2>&1 || {
    echo "lock.sh: uv is not on the PATH: install uv, it is needed to resolve (not to set up)" >&2
    exit 1
}

resolve() { # $1 lock file, then further arguments
    lock=$1
    shift
    uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate --output-file "$lock" "$@" >/dev/null
}

resolve requirements.lock --group install "$@"
resolve requirements-dev.lock --group dev --constraints requirements.lock "$@"

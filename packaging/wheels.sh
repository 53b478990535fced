#!/bin/sh
# Builds the folder for `yunnao --wheels DIR`: every wheel of a lock file, checked against its hashes, for this Python and machine.
# Usage: packaging/wheels.sh DIR [requirements-dev.lock]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
[ $# -ge 1 ] || {
    echo "wheels.sh: no folder named: packaging/wheels.sh DIR [LOCK]" >&2
    exit 2
}
venv=${YUNNAO_VENV:-$root/.venv}
[ -x "$venv/bin/python" ] || {
    echo "wheels.sh: no virtual environment in $venv: run ./yunnao --help once" >&2
    exit 1
}
mkdir -p -- "$1"
exec "$venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    --requirement "$root/${2:-requirements.lock}" --dest "$1"

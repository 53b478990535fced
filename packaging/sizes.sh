#!/bin/sh
# Measures what a set-up downloads, by fetching the wheels of both lock files into DIR, and writes requirements.sizes.
# Usage: packaging/sizes.sh DIR; fetches several hundred MB.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
[ $# -eq 1 ] || {
    echo "sizes.sh: no folder named: packaging/sizes.sh DIR" >&2
    exit 2
}
python=${YUNNAO_VENV:-$root/.venv}/bin/python
table=$(mktemp)
trap 'rm -f -- "$table"' EXIT
echo "# Written by packaging/sizes.sh: lock file, Python, machine, MB of wheels that a set-up downloads." >"$table"
for lock in requirements.lock requirements-dev.lock; do
    for version in 3.11 3.12 3.13; do
        folder=$1/$lock-$version
        mkdir -p -- "$folder"
        "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
            --python-version "$version" --platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 \
            --platform manylinux_2_27_x86_64 --platform manylinux_2_26_x86_64 --platform manylinux_2_17_x86_64 \
            --platform manylinux2014_x86_64 \
            --requirement "$root/$lock" --dest "$folder"
        bytes=$(cat -- "$folder"/*.whl | wc -c)
        echo "$lock $version x86_64 $(((bytes + 500000) / 1000000))" >>"$table"
    done
done
cp -- "$table" "$root/requirements.sizes"

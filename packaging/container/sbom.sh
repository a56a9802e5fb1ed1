#!/bin/sh
# sbom.sh FILE: the crates that the binary is made of, as CycloneDX 1.5. Needs `cargo cyclonedx`.
set -eu
file=$(mkdir -p "$(dirname "$1")" && cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../.."
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
export SOURCE_DATE_EPOCH
# It writes beside the manifest of each package of the workspace; the binary's list is the one that is wanted.
name=portcullis-$$
cargo cyclonedx --quiet --manifest-path cli/Cargo.toml --format json --spec-version 1.5 --no-build-deps --override-filename "$name"
# Where the sources lay is nobody's business, and would make the list another one on another machine.
sed "s|path+file://$PWD|path+file:///src|g" "cli/$name.json" >"$file"
find . -name "$name.json" -not -path './target/*' -delete

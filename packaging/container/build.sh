#!/bin/sh
# build.sh TARGET: the release binary, TARGET/release/portcullis, the same bytes from the same sources wherever they lie.
# The Dockerfile runs this; outside of it, it needs what `./x build` needs. With `cargo auditable` in the path, the list of crates is in the
# binary, where scanners read it.
set -eu
target=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."
sources=$(pwd)
crates=${CARGO_HOME:-$HOME/.cargo}
toolchain=$(rustc --print sysroot)

# Nothing of the machine gets into the binary: neither where files lie, nor when it was built.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
export SOURCE_DATE_EPOCH
export RUSTFLAGS="--remap-path-prefix=$sources=/src --remap-path-prefix=$crates=/crates --remap-path-prefix=$target=/target --remap-path-prefix=$toolchain=/toolchain"
export CFLAGS="-ffile-prefix-map=$sources=/src -ffile-prefix-map=$crates=/crates -ffile-prefix-map=$target=/target"
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$target" LC_ALL=C TZ=UTC

audit=
if command -v cargo-auditable >/dev/null; then audit=auditable; fi
exec cargo $audit build --release --locked -p portcullis --bin portcullis

#!/bin/sh
# reproducible.sh [REVISION]: builds the image's root file system twice from what is committed, in two directories, as the Dockerfile does, and
# compares the two layers byte by byte: contents, names, rights, owners and times. Everything is in target/reproducible/, which is made anew.
#
# What differs in the second build: where sources, crates and results lie, in longer paths; umask, time zone, language, the number of jobs. Machine,
# compiler and libraries do not: in the Dockerfile the base's digest says which they are.
set -eu
cd "$(dirname "$0")/../.."
revision=$(git rev-parse --verify "${1:-HEAD}^{commit}")
place=$PWD/target/reproducible
crates=${CARGO_HOME:-$HOME/.cargo}
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$revision")
export SOURCE_DATE_EPOCH
rm -rf "$place"

# Of the Dockerfile's versions, where there are none yet.
for tool in cargo-auditable cargo-cyclonedx; do
    command -v $tool >/dev/null || cargo install --locked --quiet "$(grep -o "$tool@[0-9.]*" packaging/container/Dockerfile)"
done

# build DIRECTORY: sources, results and crates below it; its layer beside it as DIRECTORY.tar.
build() {
    mkdir -p "$1"
    git clone --quiet --no-checkout . "$1/source"
    git -C "$1/source" checkout --quiet --detach "$revision"
    # Another path to the same crates.
    ln -s "$crates" "$1/crates"
    (
        export CARGO_HOME="$1/crates"
        cd "$1/source"
        cargo fetch --locked --quiet
        packaging/container/build.sh "$1/target"
        packaging/container/sbom.sh "$1/portcullis.cdx.json"
        SBOM=$1/portcullis.cdx.json packaging/container/rootfs.sh "$1/target/release/portcullis" "$1/rootfs"
    )
    tar --sort=name --format=ustar --numeric-owner -C "$1/rootfs" -cf "$1.tar" .
}

# listing DIRECTORY: each entry of the layer with rights, owner, size and time, and each file's digest.
listing() {
    tar --full-time -tvf "$1.tar"
    (cd "$1/rootfs" && find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2)
}

(umask 022 && build "$place/a")
(umask 077 && export TZ=Asia/Tokyo LANG=C.UTF-8 CARGO_BUILD_JOBS=3 && build "$place/somewhere/else/b")
set -- "$place/a" "$place/somewhere/else/b"
if cmp "$1.tar" "$2.tar"; then
    echo "$(git log -1 --format=%h "$revision"): the same $(wc -c <"$1.tar") bytes twice, $(tar -tf "$1.tar" | wc -l) entries"
    sha256sum <"$1.tar" | sed 's/-$/layer/'
    sha256sum <"$1/target/release/portcullis" | sed 's/-$/portcullis/'
else
    listing "$1" >"$1.list"
    listing "$2" >"$2.list"
    diff "$1.list" "$2.list" || true
    exit 1
fi

#!/bin/sh
# rootfs.sh BINARY DIRECTORY: the image's root file system. The Dockerfile runs this, and so do the tests, so that what they run is the image.
# In it: the binary, the shared libraries that it names, certificates of public authorities, a user that is nobody. No shell, no package
# manager, nothing that is set-uid. Scanners find the libraries' packages in /var/lib/dpkg/status.d, as in distroless images.
set -eu
binary=$1
root=$2
here=$(cd "$(dirname "$0")" && pwd)
export LC_ALL=C
umask 022

if [ -e "$root" ] && [ -n "$(ls -A "$root")" ]; then
    echo "rootfs.sh: $root is not empty" >&2
    exit 2
fi

# place FILE PATH MODE: a copy. The same file system's blocks are shared where it can do that.
place() {
    mkdir -p "$root$(dirname "$2")"
    cp -L --reflink=auto "$1" "$root$2"
    chmod "$3" "$root$2"
}

# package FILE: what dpkg knows of the package that a file is of, and its licence.
package() {
    name=$(dpkg -S "$1" "$(realpath "$1")" "/usr$1" 2>/dev/null | head -1 | cut -d: -f1)
    [ -n "$name" ] || return 0
    mkdir -p "$root/var/lib/dpkg/status.d"
    dpkg-query -s "$name" >"$root/var/lib/dpkg/status.d/$name"
    place "/usr/share/doc/$name/copyright" "/usr/share/doc/$name/copyright" 644
}

place "$binary" /usr/bin/portcullis 755
for library in $(ldd "$binary" | grep -o '/[^ ]*'); do
    place "$library" "$library" 755
    if command -v dpkg-query >/dev/null; then package "$library"; fi
done
place /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt 644
if command -v dpkg-query >/dev/null; then package /usr/sbin/update-ca-certificates; fi
place "$here/../../LICENSE" /usr/share/doc/portcullis/copyright 644
# The crates that the binary is made of, where a list was made (Dockerfile).
if [ -n "${SBOM:-}" ]; then place "$SBOM" /usr/share/doc/portcullis/sbom.cdx.json 644; fi

cat >"$root/etc/passwd" <<'PASSWD'
root:x:0:0:root:/:/sbin/nologin
portcullis:x:65532:65532:portcullis:/nonexistent:/sbin/nologin
PASSWD
printf 'root:x:0:\nportcullis:x:65532:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod 644 "$root/etc/passwd" "$root/etc/group" "$root/etc/nsswitch.conf"

# What is mounted: the configuration, what is kept, what is temporary; and what a runtime puts there itself.
mkdir -p "$root/etc/portcullis" "$root/var/lib/portcullis" "$root/tmp" "$root/run" "$root/proc" "$root/dev" "$root/sys"
chmod 1777 "$root/tmp"
chmod 700 "$root/var/lib/portcullis"
if [ "$(id -u)" = 0 ]; then chown 65532:65532 "$root/var/lib/portcullis"; fi
find "$root" -depth -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +

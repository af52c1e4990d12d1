#!/usr/bin/env bash
# Proves that two commands are all the set-up there is: makes a minimal Debian 12 in a temporary
# folder, puts a clone of this repository in it and runs the two commands there. Wants root,
# debootstrap and a package mirror, and takes some minutes.
#
#   tests/fresh-machine.sh [MIRROR]    the mirror of this machine's APT when not given
set -eu -o pipefail
source_dir=$(cd "$(dirname "$0")/.." && pwd)
mirror=${1-}
if [ -z "$mirror" ]; then
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\) .*/\2/p; s/^URIs: *\([^ ]*\).*/\1/p') || true
  mirror=${mirror%%$'\n'*}
fi
work=$(mktemp -d)
clean_up() {
  umount -q "$work/root/proc" "$work/root/dev" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

debootstrap --variant=minbase bookworm "$work/root" "${mirror:-http://deb.debian.org/debian}"
cp /etc/resolv.conf "$work/root/etc/resolv.conf"
cp -r /etc/apt/apt.conf.d/. "$work/root/etc/apt/apt.conf.d/"
mount -t proc proc "$work/root/proc"
mount --bind /dev "$work/root/dev"
git clone -q "$source_dir" "$work/root/noiommu"

run() {
  local begin=$SECONDS
  printf '\n== %s\n' "$*"
  chroot "$work/root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy+http_proxy="$http_proxy"} ${https_proxy+https_proxy="$https_proxy"} \
    sh -c "cd /noiommu && $*"
  printf '== %s: exit 0 after %d s\n' "$*" "$((SECONDS - begin))"
}
run ./noiommu run
run ./test
run ./noiommu run

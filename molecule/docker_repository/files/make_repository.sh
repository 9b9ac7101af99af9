#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes a signed package repository in the layout of Docker's out of Debian's packages. Argument: where.
set -o errexit -o nounset -o pipefail

target=$1
mirror=$(awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list)
suite=bookworm
pool=$target/linux/debian/dists/$suite/pool
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT

# The next release's packages are downloaded with an apt configuration of their own, apart from the host's.
mkdir -p "$work"/{lists,cache/archives/partial,parts} "$pool" "$target/linux/debian/dists/$suite/stable/binary-amd64"
echo "deb $mirror trixie main" > "$work/sources.list"
fetch() {
    apt-get -qq -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Dir::Etc::SourceList="$work/sources.list" \
        -o Dir::Etc::SourceParts="$work/parts" -o Dir::Etc::Parts="$work/parts" -o Acquire::Languages=none "$@"
}
cd "$work"
fetch update
fetch download docker.io docker-cli containerd runc docker-buildx docker-compose

# repack NEW VERSION CONFLICTS OLD...: one package of Docker's out of one or more of Debian's
repack() {
    local new=$1 version=$2 conflicts=$3 old
    shift 3
    for old in "$@"; do
        dpkg-deb --extract "$work/$old"_*.deb "$work/$new"
    done
    dpkg-deb --control "$work/$1"_*.deb "$work/$new/DEBIAN"
    rm -rf "$work/$new/usr/share/doc" "$work/$new/DEBIAN/md5sums"
    publish "$new" "$version" "$conflicts"
}

# publish NEW VERSION CONFLICTS: one package out of a directory
publish() {
    local new=$1 version=$2 conflicts=$3
    cat > "$work/$new/DEBIAN/control" <<CONTROL
Package: $new
Version: $version
Architecture: amd64
Maintainer: Olympia provisioner developers
Conflicts: $conflicts
Replaces: $conflicts
Depends: libc6, libsystemd0, adduser
Description: Stand-in for Docker's package of this name
CONTROL
    dpkg-deb --build -Znone "$work/$new" "$pool/${new}_${version#*:}.deb" > /dev/null
}
repack docker-ce 5:26.1.5-1 docker.io docker.io
repack docker-ce-cli 5:26.1.5-1 docker-cli docker-cli
# A newer version of the same: the programs are told that they are it.
sed --in-place 's/26\.1\.5+dfsg1/27.0.0+dfsg1/g' "$work"/docker-ce/usr/sbin/dockerd "$work"/docker-ce-cli/usr/bin/docker
publish docker-ce 5:27.0.0-1 docker.io
publish docker-ce-cli 5:27.0.0-1 docker-cli
repack containerd.io 1.7.24-1 "containerd, runc" containerd runc
repack docker-buildx-plugin 0.13.1-1 docker-buildx docker-buildx
repack docker-compose-plugin 2.26.1-1 docker-compose docker-compose

cd "$target/linux/debian"
apt-ftparchive packages "dists/$suite/pool" > "dists/$suite/stable/binary-amd64/Packages"
apt-ftparchive -o APT::FTPArchive::Release::Suite=$suite -o APT::FTPArchive::Release::Codename=$suite \
    -o APT::FTPArchive::Release::Components=stable -o APT::FTPArchive::Release::Architectures=amd64 \
    release "dists/$suite" > "$work/Release"
export GNUPGHOME=$work/keys
mkdir --mode=0700 "$GNUPGHOME"
gpg --quiet --batch --passphrase '' --quick-generate-key tests@example.org default default never
gpg --quiet --batch --clearsign --output "dists/$suite/InRelease" "$work/Release"
gpg --quiet --batch --armor --output gpg --export
# Somebody else's key, which has signed nothing here.
gpg --quiet --batch --passphrase '' --quick-generate-key others@example.org default default never
gpg --quiet --batch --armor --output others.gpg --export others@example.org

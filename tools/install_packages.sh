#!/usr/bin/env bash
# Installs the Debian packages that Moka is built with and that are not there yet; with "tests", also what its tests need.
set -euo pipefail

packages=(g++ cmake ninja-build ccache pkg-config protobuf-compiler libprotobuf-dev libopenblas-dev libhwy-dev
          libgoogle-glog-dev libgflags-dev libfmt-dev zlib1g-dev libhdf5-dev)
case "${1:-}" in
  "") ;;
  tests) packages+=(libgtest-dev libbenchmark-dev python3 python3-h5py abigail-tools valgrind) ;;
  *)
    echo "usage: tools/install_packages.sh [tests]" >&2
    exit 2
    ;;
esac

if ! command -v apt-get >/dev/null; then
  echo "This is no Debian; Moka needs what these Debian packages hold: ${packages[*]}"
  exit 0
fi
missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
    missing+=("$package")
done
((${#missing[@]})) || exit 0

echo "Installing Debian packages: ${missing[*]}"
as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "There is no sudo; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  echo "This needs root's rights, so sudo may ask for your password."
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update &&
       "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "The packages could not be installed." >&2
  exit 1
fi

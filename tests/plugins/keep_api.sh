#!/usr/bin/env bash
# Keeps the headers for plugins as they are now, for the tests of later ones: tests/plugins/keep_api.sh MAJOR.MINOR
set -euo pipefail
if [[ ! ${1:-} =~ ^([0-9]+)\.([0-9]+)$ ]] || (($# != 1)); then
  echo "usage: tests/plugins/keep_api.sh MAJOR.MINOR" >&2
  exit 2
fi
major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

value() { sed -n "s/^#define MOKA_PLUGIN_API_$1 //p" include/moka/version.h.in; }
if [[ $(value MAJOR).$(value MINOR) != "$major.$minor" ]]; then
  echo "include/moka/version.h.in says plugin API $(value MAJOR).$(value MINOR), not $major.$minor" >&2
  exit 1
fi
kept=tests/plugins/api_${major}_$minor/include
if [[ -e $kept ]]; then
  echo "$kept is there already, and a set is never changed" >&2
  exit 1
fi

headers=$(python3 -B tests/header_tiers.py --plugin)
version=$(sed -n 's/^project(moka VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
mkdir -p "$kept/moka"
for header in $headers; do
  if [[ $header == version.h ]]; then
    sed "s/@PROJECT_VERSION@/$version/" include/moka/version.h.in >"$kept/moka/version.h"
  else
    cp "include/moka/$header" "$kept/moka/"
  fi
done
echo "DisableFormat: true" >"$kept/.clang-format"
echo "$kept has $(wc -w <<<"$headers") headers; now add a plugin that is compiled against them (README.md of api_3_0)"

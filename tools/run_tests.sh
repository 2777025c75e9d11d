#!/usr/bin/env bash
# Builds and runs the tests through ctest.
set -euo pipefail

usage() {
  cat <<'END_OF_TEXT'
usage: tools/run_tests.sh [dev|asan|tsan] [ctest options]

  dev   all tests (the default)
  asan  the test programs under the address and undefined-behaviour sanitizers
  tsan  those that use threads, under the thread sanitizer

For example, one layer's tests: tools/run_tests.sh dev -R ReLU
END_OF_TEXT
}

preset=dev
case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  dev | asan | tsan) preset=$1; shift ;;
  "" | -*) ;;
  *) usage >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/install_packages.sh tests

echo "== Building build/$preset"
cmake --preset "$preset" >/dev/null
quiet=()
[[ -t 1 ]] || quiet=(-- --quiet)
cmake --build --preset "$preset" "${quiet[@]}"
echo "== Testing build/$preset"
ctest --preset "$preset" --no-tests=error --parallel "$(nproc)" "$@"

#!/usr/bin/env bash
# Moka against PyTorch and OpenCV on the same nets: tests/bench/peers.py tells how; --help lists the options.
set -euo pipefail

peers=$(dirname "${BASH_SOURCE[0]}")/../tests/bench/peers.py
python=/usr/bin/python3  # Debian's: it has Debian's PyTorch and OpenCV
if [[ ! -x $python ]]; then
  echo "bench_peers.sh: there is no $python; install it: apt-get install python3" >&2
  exit 1
fi
exec "$python" -B "$peers" "$@"

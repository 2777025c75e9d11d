#!/usr/bin/env bash
# Builds Moka and trains LeNet on the handwritten digits in this repository. Needs no network, but for missing Debian packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
least_accuracy=0.97
moka=build/release/bin/moka
folder=build/quickstart
model=$folder/lenet_quickstart_iter_1000.caffemodel

say() { printf '\n== %s\n' "$*"; }

# Runs a command; where nobody watches, its output is shown only if it fails.
quietly() {
  if [[ -t 1 ]]; then
    "$@"
  elif ! "$@" >"$folder/build.log" 2>&1; then
    cat "$folder/build.log"
    return 1
  fi
}

mkdir -p "$folder"
tools/install_packages.sh

say "Building Moka in build/release (a few minutes the first time)"
start=$SECONDS
quietly cmake --preset release
quietly cmake --build --preset release
echo "Built in $((SECONDS - start)) s."

say "Training LeNet: 1,000 iterations of 64 digits"
rm -f "$folder"/lenet_quickstart_iter_*
start=$(date +%s.%N)
(cd "$folder" && ../release/bin/moka train --solver=../../models/lenet/quickstart.prototxt)
seconds=$(awk -v start="$start" -v end="$(date +%s.%N)" 'BEGIN { printf "%.1f", end - start }')

net="--model=models/lenet/train.prototxt --stage=sample"
accuracy=$($moka test $net --weights="$model" --iterations=20 2>"$folder/test.log" |
  awk '$1 == "accuracy" { print $3 }') || { cat "$folder/test.log"; exit 1; }
if ! awk -v a="$accuracy" -v least=$least_accuracy 'BEGIN { exit !(a != "" && a >= least) }'; then
  echo "The test accuracy is ${accuracy:-unknown}; it should be at least $least_accuracy." >&2
  exit 1
fi
percent=$(awk -v a="$accuracy" 'BEGIN { printf "%.2f", 100 * a }')
say "LeNet learned digits in $seconds s: $percent % of 2,000 new ones are read right."

cat <<END_OF_TEXT
The weights are in $model.
What to try next:

  $moka test $net --weights=$model --iterations=20
      measures the trained net again
  $moka summary models/lenet/train.prototxt --stage=sample
      shows its layers, shapes, parameters and memory
  $moka layers Convolution
      explains a layer's parameters; \`$moka layers\` lists all types

With a network, all 60,000 digits and about 99 %:

  tools/get_data.sh mnist && MOKA_DATA=data/mnist $moka train --solver=models/lenet/solver.prototxt
END_OF_TEXT

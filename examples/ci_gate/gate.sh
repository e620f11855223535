#!/bin/sh
# Fails when the model is worse than it was: `sh gate.sh` runs it on 16 prompts and compares with reference.json.
# The first time there is no reference: it is made, and belongs into the repository.
set -eu
cd "$(dirname "$0")"
model=${1:-codec}
jova-bench run --model "$model" --limit 16 --device cpu --metrics lse_c,wer,loudness --out runs/now >/dev/null
if [ ! -f reference.json ]; then
    jova-bench freeze runs/now >reference.json
    echo "made reference.json of $model: commit it"
fi
jova-bench gate reference.json runs/now --tolerances allowed.toml

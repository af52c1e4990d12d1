#!/usr/bin/env bash
# Fuzzes the Kconfig parser for some seconds (default: 30) with clang's libFuzzer.
set -eu -o pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seconds=${1:-30}
command -v clang++ >/dev/null || { echo "clang is not installed: apt-get install clang" >&2; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake -DFOLDER="$root/model/kconfig/revisions" -DOUTPUT="$work/revisions.cpp" \
  -P "$root/model/kconfig/embed.cmake"
clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
  -DFMT_HEADER_ONLY -I"$root" "$root"/tests/fuzz/kconfig.cpp "$root"/model/kconfig/*.cpp \
  "$work/revisions.cpp" -o "$work/fuzz" -lcadical
mkdir "$work/corpus"
cd "$work"
./fuzz -max_total_time="$seconds" -timeout=10 -max_len=4096 -print_final_stats=1 \
  corpus "$root/tests/fuzz/corpus"

#!/usr/bin/env bash
# clang-format and clang-tidy over all sources, with the committed configuration. Wants clang-format,
# clang-tidy and a configured release build; takes some minutes. Arguments limit it to some files.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit
[ -f build/release/compile_commands.json ] || cmake --preset release >/dev/null || exit
if [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(git ls-files '*.cpp' '*.h' '*.c')
fi
status=0
clang-format --dry-run --Werror "${files[@]}" || status=1
# clang-tidy cannot read the precompiled headers of g++, and does without.
mkdir -p build/lint
sed 's/ -Winvalid-pch -include [^ ]*//' build/release/compile_commands.json \
  >build/lint/compile_commands.json
# A crash of clang-tidy counts as a finding, and must not keep xargs from the other files.
tidy() { clang-tidy --quiet -p build/lint "$1" || { echo "lint: $1" >&2 && exit 1; }; }
export -f tidy
printf '%s\n' "${files[@]}" | grep -v '\.h$' |
  xargs -r -P "$(nproc)" -I {} bash -c 'tidy "$1"' -- {} || status=1
[ $status -eq 0 ] && echo "lint: clean"
exit $status

# shellcheck shell=bash
# Common ground of the scripts here; sourced, never run.
set -euo pipefail

# shellcheck disable=SC2034  # for the scripts
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
cache=${TRAILWARDEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/trailwarden}

export PATH=$cache/tools/bin:$PATH
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
# One compiler cache for every clone: paths in it are relative to the top folder.
export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache} CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# build PRESET [-DOPTION...] [TARGET...]: configures, then builds the targets, or everything.
build() {
  local preset=$1 options=() targets=() arg
  shift
  for arg; do
    if [[ $arg == -D* ]]; then options+=("$arg"); else targets+=("$arg"); fi
  done
  cmake --preset "$preset" "${options[@]}" && cmake --build --preset "$preset" --target "${targets[@]:-all}"
}

# check PRESET [ctest argument...]: runs the tests that are built.
check() {
  ctest --preset "$1" -j "$(nproc)" "${@:2}"
}

# keep TARGET COMMAND...: unless TARGET is there, runs the command with one more argument, what to make, and renames that to
# TARGET when it is whole. Runs at the same time make it once.
keep() (
  target=$1
  [[ ! -e $target ]] || exit 0
  mkdir -p "$(dirname "$target")"
  exec {lock}>"$target.lock"
  flock "$lock"
  [[ ! -e $target ]] || exit 0
  rm -rf "$target.part"
  trap 'rm -rf "$target.part"' EXIT
  "${@:2}" "$target.part"
  mv "$target.part" "$target"
)

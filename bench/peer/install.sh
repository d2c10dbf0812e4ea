#!/usr/bin/env bash
# Installs a package of the Python index into a virtual environment of its own, once, and runs a
# measure with it.
# usage: install.sh PACKAGE VERSION FOLDER SCRIPT ARGUMENTS...
set -euo pipefail

readonly package=$1 version=$2 folder=$3
shift 3

command -v python3 >/dev/null || {
  echo "python3 is not there" >&2
  exit 1
}
if [[ ! -e $folder/installed-$version ]]; then
  mkdir -p "$folder"
  {
    python3 -m venv --clear "$folder/venv" &&
      timeout 120 "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$package==$version"
  } >"$folder/install.log" 2>&1 || {
    echo "$package $version could not be installed; see $folder/install.log" >&2
    exit 1
  }
  touch "$folder/installed-$version"
fi
exec "$folder/venv/bin/python" "$@"

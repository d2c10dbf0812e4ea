#!/usr/bin/env bash
# Installs clkhash into a virtual environment of its own, once, and runs a measure with it.
# usage: clkhash.sh FOLDER SCRIPT ARGUMENTS...
set -euo pipefail

readonly VERSION=0.18.3
folder=$1
shift

command -v python3 >/dev/null || {
  echo "python3 is not there" >&2
  exit 1
}
if [[ ! -e $folder/installed-$VERSION ]]; then
  mkdir -p "$folder"
  {
    python3 -m venv --clear "$folder/venv" &&
      timeout 120 "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "clkhash==$VERSION"
  } >"$folder/install.log" 2>&1 || {
    echo "clkhash $VERSION could not be installed; see $folder/install.log" >&2
    exit 1
  }
  touch "$folder/installed-$VERSION"
fi
exec "$folder/venv/bin/python" "$@"

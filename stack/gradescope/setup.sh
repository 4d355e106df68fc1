#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the autograder's image. It installs the kit in /autograder/source.
set -euo pipefail
cd "${AUTOGRADER:-/autograder}/source"
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends --no-upgrade bubblewrap make openjdk-17-jre-headless python3-venv
python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then # Ubuntu 22.04 has Python 3.10
  python3 -m venv /opt/uv
  /opt/uv/bin/python -m pip install --quiet "uv==$(sed -n 's/^UV_VERSION := //p' Makefile)"
  export UV_PYTHON_INSTALL_DIR=/opt/python # not below /root: submissions run as another user
  /opt/uv/bin/uv python install 3.12
  python="$(/opt/uv/bin/uv python find 3.12)"
fi
make setup PYTHON="$python"

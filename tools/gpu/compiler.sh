#!/bin/sh
# The emulated device needs g++ and binutils; on Debian, as root, they are installed where they are missing.
set -eu
complete() { command -v g++ >/dev/null && command -v readelf >/dev/null && command -v nm >/dev/null; }
if ! complete && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++ binutils >/dev/null
fi
complete || {
    echo "g++, readelf or nm is missing: install g++ and binutils; make gpu-quick needs them to emulate a device" >&2
    exit 1
}

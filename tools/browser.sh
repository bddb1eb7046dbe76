#!/bin/sh
# Tests of pages need Chromium and its driver; on Debian, as root, they are installed where they are missing.
set -eu
browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
complete() { browser >/dev/null && command -v chromedriver >/dev/null; }
if ! complete && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null
fi
complete || {
    echo "Chromium or chromedriver is missing: install chromium and chromium-driver; make test-browser looks at pages with them" >&2
    exit 1
}

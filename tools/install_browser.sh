#!/bin/sh
# Chromium and its driver, for the tests of the web page. Where they cannot be installed, those tests say so and are
# skipped: this script never fails.
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "The tests of the web page want chromium and chromedriver on the PATH; they are skipped without."
    exit 0
fi
echo "Installing chromium and chromium-driver for the tests of the web page."
apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chromium chromium-driver >/dev/null || echo "That did not work; the tests of the web page are skipped."

#!/usr/bin/env bash
# System packages for the tests, on Debian/Ubuntu: Chromium (browser tests), ffmpeg (films), make,
# venv, Node.js with TypeScript's checker (the page's JavaScript), lld (it links the WebAssembly).
set -euo pipefail

missing=()
have() { command -v "$1" >/dev/null 2>&1; }
have chromium || have chromium-browser || have google-chrome || missing+=(chromium)
have ffmpeg || missing+=(ffmpeg)
have node || missing+=(nodejs)  # runs the widgets' own JavaScript in the tests
have make || missing+=(make)
have wasm-ld || missing+=(lld)  # links the car's WebAssembly
have git || missing+=(git)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)

have tsc || have npm || missing+=(npm)

sudo=""
if ((EUID != 0)); then sudo="sudo"; fi
if ((${#missing[@]} > 0)); then
  if ! have apt-get; then
    echo "please install: ${missing[*]}" >&2
    exit 1
  fi
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
have tsc || $sudo npm install --global --silent typescript@5.9.3  # checks the widgets' JavaScript
echo "system packages: all there"

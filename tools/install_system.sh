#!/usr/bin/env bash
# System packages for the tests, on Debian/Ubuntu: Chromium (browser tests), ffmpeg (films), make,
# venv, Node.js (the page's JavaScript) and lld (its linker makes the car's WebAssembly).
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

if ((${#missing[@]} == 0)); then
  echo "system packages: all there"
  exit 0
fi
if ! have apt-get; then
  echo "please install: ${missing[*]}" >&2
  exit 1
fi
sudo=""
if ((EUID != 0)); then sudo="sudo"; fi
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"

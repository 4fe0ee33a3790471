# @title Set-up: run this first
# On Colab it installs the book's package; elsewhere it only prints what is in use.
import importlib
import os
import subprocess
import sys
from importlib.metadata import version

if "google.colab" in sys.modules:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    sources = [
        "{url}/releases/download/v{version}/wmlib-{version}-py3-none-any.whl",
        "{url}/archive/refs/tags/v{version}.tar.gz",
        "{url}/archive/HEAD.tar.gz",
        "wmlib=={version}",
    ]
    if all(subprocess.run([*pip, source], capture_output=True).returncode for source in sources):
        sys.exit("{advice}")
    # What it needs beside Colab's own packages, which stay as they are.
    subprocess.run([sys.executable, "-m", "wmlib.book.colab"], check=True)
    importlib.invalidate_caches()

names = ["wmlib", "torch", "numpy", "gymnasium", "ipywidgets"]
preset = os.environ.get("WMLIB_PRESET", "tiny")
print(*(f"{name} {version(name)}" for name in names), f"preset {preset}", sep=" · ")

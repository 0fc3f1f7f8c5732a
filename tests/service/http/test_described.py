"""Whatever the OpenAPI document lets one send is answered in a declared form, for its own user."""

import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.own_environment import own_python
from tests.support.servers.dev_server import SECRET, bearer, token
from tests.support.servers.serve_process import serve_process

PROGRAM = Path(__file__).parents[2] / "support" / "servers" / "fuzz_described.py"
PACKAGES = ("schemathesis==4.32.5", "hypothesis==6.170.15")
"""In an environment of their own: what they need and what LangGraph's server needs differ."""
SAID = "Biscuit"
"""What another user said, and nobody else is shown."""


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("auth", [False, True], ids=["open", "tokens"])
def test_whatever_is_described_is_answered_in_its_form(auth: bool, tmp_path: Path) -> None:
    python = own_python(".venv-described", *PACKAGES)
    chosen = {"MNEMO_AUTH_SECRET": SECRET} if auth else {}
    with serve_process(cwd=tmp_path, **chosen) as server:
        said = {"message": f"My dog is called {SAID}."}
        path = f"{server.url}/chat/blake/default"
        first = httpx.post(path, json=said, headers=bearer("blake"), timeout=60)
        assert first.status_code == 200, first.text
        command = [str(python), str(PROGRAM), server.url, SAID]
        command += [token("alex", exp=2**31)] if auth else []
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        read = httpx.get(f"{server.url}/memory/blake/default/transcript", headers=bearer("blake"))
        assert SAID in read.text

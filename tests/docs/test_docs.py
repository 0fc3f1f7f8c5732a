"""What the documents show works as it stands: commands, snippets, settings and links."""

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from settings import Settings
from tests.support.mnemo_runs import Mnemo, mnemo
from tests.support.servers.dev_server import DevServer, open_server
from tests.support.servers.serve_process import serve_process

__all__ = ["mnemo", "open_server"]

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CLIENTS = "docs/clients.md"
EXTENDING = "docs/extending.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BIN = Path(sys.executable).parent


def blocks(*languages: str) -> list[tuple[str, str]]:
    """Return every block in one of these languages, with the page it stands on."""
    return [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for language, text in BLOCK.findall(page.read_text("utf-8"))
        if language in languages
    ]


def commands() -> list[str]:
    """Return every command line of the shell blocks, without its comment."""
    lines = [line for _, text in blocks("sh") for line in text.replace("\\\n", " ").splitlines()]
    return list(dict.fromkeys(line.split("  #")[0].strip() for line in lines if line.strip()))


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, with empty stores and no keys."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MNEMO_", "OPENAI_"))}
    env |= {"PATH": f"{BIN}:{env['PATH']}", "MNEMO_DATA_DIR": str(folder), "COLUMNS": "300"}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_there_is_something_to_test() -> None:
    assert {"make chat", "make test"} <= set(commands())
    assert {page for page, _ in blocks("python")} == {"README.md", CLIENTS, EXTENDING}


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("make ")])
def test_every_make_target_is_there(command: str, tmp_path: Path) -> None:
    done = shell(command.replace("make ", "make -n ", 1), tmp_path)
    assert done.returncode == 0, done.stderr


SERVERS = ("mnemo serve",)
"""Commands that run until they are stopped."""


@pytest.mark.deep
@pytest.mark.parametrize("command", [c for c in commands() if c.startswith(SERVERS)])
def test_every_server_starts_and_stops(command: str, tmp_path: Path) -> None:
    with serve_process(*shlex.split(command)[2:], cwd=tmp_path) as server:
        assert server.stop() in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    "command", [c for c in commands() if c.startswith("mnemo ") and not c.startswith(SERVERS)]
)
def test_every_mnemo_command_runs(command: str, mnemo: Mnemo, tmp_path: Path) -> None:
    plain = not re.search(r"[|<>$;&]", command)
    if " DIR" in command:  # The reader's own files: that the options are known is all to see here.
        done = mnemo.run(*shlex.split(command)[1:3], "--help")
        assert all(word in done.stdout for word in command.split() if word.startswith("--"))
        return
    done = mnemo.run(*shlex.split(command)[1:]) if plain else shell(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def modules() -> list[list[str]]:
    """Return every module that is run, with all options it is shown with."""
    runs: dict[str, list[str]] = {}
    for command in (c for c in commands() if c.startswith("python -m ")):
        _, _, module, *rest = shlex.split(command.split(">")[0])
        runs.setdefault(module, [module]).extend(word for word in rest if word.startswith("--"))
    return list(runs.values())


@pytest.mark.deep
@pytest.mark.parametrize("run", modules(), ids=lambda run: run[0])
def test_every_module_knows_the_options_it_is_shown_with(run: list[str], tmp_path: Path) -> None:
    module, *options = run
    done = shell(f"python -m {module} --help", tmp_path)
    assert done.returncode == 0, done.stderr
    for option in options:
        assert option in done.stdout


@pytest.mark.parametrize(
    "block", [text for _, text in blocks("sh") if text.startswith("export ")], ids=len
)
def test_every_shell_recipe_runs(block: str, tmp_path: Path) -> None:
    done = shell("set -e\n" + block, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_other_shell_block_is_one_of_these() -> None:
    known = ("make ", "mnemo ", "python -m ", "source .venv/bin/activate")
    for page, text in blocks("sh"):
        lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
        if not text.startswith("export "):
            assert all(line.startswith(known) for line in lines), (page, text)


async def run_snippet(text: str) -> None:
    """Run the lines of a block, of which some may wait."""
    names: dict[str, object] = {}
    code = "async def snippet():\n" + textwrap.indent(text, "    ")
    exec(compile(code, "snippet", "exec"), names)
    await names["snippet"]()  # type: ignore[operator]  # what `exec` defined


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "text", [text for page, text in blocks("python") if page == "README.md"], ids=len
)
async def test_every_client_of_the_development_server_works_as_a_file(
    open_server: DevServer, text: str, tmp_path: Path
) -> None:
    local = text.replace("http://127.0.0.1:2024", open_server.url)
    assert local != text, "it talks to the address that `make dev` prints"
    file = tmp_path / "snippet.py"
    file.write_text(local, "utf-8")
    done = await asyncio.to_thread(shell, f"python {shlex.quote(str(file))}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() and "{" not in done.stdout, "it prints words"


@pytest.mark.parametrize(
    "text", [text for page, text in blocks("python") if page == EXTENDING], ids=len
)
async def test_what_is_shown_for_extending_it_works(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("MNEMO_", "OPENAI_")):
            monkeypatch.delenv(name)
    await run_snippet(text)


def test_every_setting_that_is_named_exists() -> None:
    prefix = str(Settings.model_config["env_prefix"])
    known = {f"{prefix}{name}".upper() for name in Settings.model_fields}
    known |= {"MNEMO_TEST_REDIS_URL", "MNEMO_TEST_TURNS", "MNEMO_TEST_MESSAGES"}
    for page in PAGES:
        for name in re.findall(r"\bMNEMO_[A-Z0-9_]+", page.read_text("utf-8")):
            named = name.split("__")[0]
            group = name.endswith("_") and any(one.startswith(name) for one in known)
            assert named in known or group, f"{page.name} names {name}"


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links {target}"

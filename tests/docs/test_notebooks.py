"""The notebooks: each runs from top to bottom without a network, and its two forms agree."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

jupytext = importlib.import_module("jupytext")  # it comes without types
FOLDER = Path(__file__).parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))
QUICK = "01_first_conversation"
"""Runs with every change; the others, which talk for minutes, run with the deep tests."""


def test_there_are_notebooks() -> None:
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_source_and_notebook_hold_the_same_cells(source: Path) -> None:
    cells = [
        [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]
        for path in (source, source.with_suffix(".ipynb"))
    ]
    assert cells[0] == cells[1], f"Run: jupytext --sync {source.name}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem == QUICK else pytest.mark.deep)
        for path in SOURCES
    ],
)
def test_a_notebook_runs_from_top_to_bottom_offline(source: Path, tmp_path: Path) -> None:
    closed = "http://127.0.0.1:9"  # a port where nothing listens: whoever goes out fails
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbmake", "--nbmake-timeout=500",
         "-p", "no:cacheprovider", "-W", "ignore", "--rootdir", str(tmp_path),
         "-c", os.devnull, str(source.with_suffix(".ipynb"))],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "MPLBACKEND": "agg",
            "HTTP_PROXY": closed,
            "HTTPS_PROXY": closed,
            "NO_PROXY": "127.0.0.1,localhost",
        },
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout

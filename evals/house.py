"""How large the folders of this project are: `python -m evals.house`. Only reads the tree."""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
ROOMS = ("domain", "models", "stores", "nodes", "graph", "service", "evals", "tests", "docs")


@dataclass(frozen=True)
class Room:
    """A folder, without the folders in it."""

    path: str
    entries: int
    """Files and folders that a listing shows."""
    files: int
    """Python files."""
    lines: int
    """Lines of these files."""
    longest: int
    """Lines of the longest of them."""


def rooms() -> Iterator[Room]:
    """Yield every folder of the project that holds something, in order."""
    for top in ROOMS:
        folder = ROOT / top
        for path in sorted({folder, *(p for p in folder.rglob("*") if p.is_dir())}):
            entries = [each for each in path.iterdir() if each.name != "__pycache__"]
            if path.name == "__pycache__" or not entries:
                continue
            sizes = [len(file.read_text("utf-8").splitlines()) for file in path.glob("*.py")]
            name = str(path.relative_to(ROOT))
            yield Room(name, len(entries), len(sizes), sum(sizes), max(sizes, default=0))


def main() -> None:
    """Print the table, and the sum of all that is no test."""
    ArgumentParser(description="Print the size of every folder of the project.").parse_args()
    table = Table("folder", "entries", "files", "lines", "longest file")
    product = 0
    for room in rooms():
        table.add_row(room.path, *map(str, (room.entries, room.files, room.lines, room.longest)))
        product += 0 if room.path.startswith("tests") else room.lines
    console = Console()
    console.print(table)
    console.print(f"{product} lines without the tests and settings.py")


if __name__ == "__main__":
    main()

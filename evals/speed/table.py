"""Figures as a table on the terminal: one row a measurement, one column a figure."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table


def print_rows(rows: Sequence[Any]) -> None:
    """Print dataclasses of one kind; numbers with a point where they are no counts."""
    names = [field.name for field in fields(rows[0])]
    table = Table(*(name.replace("_", " ") for name in names))
    for row in rows:
        table.add_row(*(_cell(getattr(row, name)) for name in names))
    Console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_cell, value))
    if isinstance(value, float):
        return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

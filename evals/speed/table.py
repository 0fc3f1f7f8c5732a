"""Figures as a table on the terminal: one line a figure, one column a measurement."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table


def print_rows(rows: Sequence[Any]) -> None:
    """Print dataclasses of one kind, side by side."""
    table = Table(show_header=False)
    for field in fields(rows[0]):
        table.add_row(
            field.name.replace("_", " "), *(_cell(getattr(row, field.name)) for row in rows)
        )
    Console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_cell, value))
    if isinstance(value, float):
        return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)

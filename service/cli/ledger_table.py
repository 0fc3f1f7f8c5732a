"""What turns cost, as a table for the terminal. Nothing is counted here."""

from rich.table import Table

from service.cli.terminal import one_line
from service.usage.ledger import Ledger

LEAST = 0.0001
"""The smallest cost that is shown as a number."""


def ledger_table(ledger: Ledger) -> Table:
    """Return the lines of a ledger and their sum; costs only where any model has a price."""
    priced = any(line.cost is not None for line in ledger.lines)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("month", "purpose", "model"):
        table.add_column(name, overflow="fold")
    for name in ("calls", "tokens in", "tokens out", *(["cost"] if priced else [])):
        table.add_column(name, justify="right", no_wrap=True)
    rows: list[tuple[str, str, str, int, int, int, float | None]] = [
        (line.month, line.layer, line.model, line.calls, line.tokens_in, line.tokens_out, line.cost)
        for line in ledger.lines
    ]
    calls = sum(line.calls for line in ledger.lines)
    rows.append(("total", "", "", calls, ledger.tokens_in, ledger.tokens_out, ledger.cost))
    for month, purpose, model, *counts, cost in rows:
        cells = [month, purpose, one_line(model), *(f"{count:,}" for count in counts)]
        table.add_row(*cells, *([_money(cost)] if priced else []))
    return table


def _money(cost: float | None) -> str:
    if cost is None:
        return "no price"
    return f"under {LEAST:.4f}" if 0 < cost < LEAST else f"{cost:,.4f}"

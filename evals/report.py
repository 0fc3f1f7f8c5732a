"""A benchmark's results as data, as JSON and as a table for a person."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from evals.measures import Measure, Result


@dataclass(frozen=True)
class Report:
    """What one run of a benchmark found."""

    title: str
    budget: int
    embeddings: str
    store: str
    conversations: int
    results: tuple[Result, ...]
    """The product first, then the baselines."""
    names: Mapping[str, str] = field(default_factory=dict)
    """How categories are called."""
    wishes: int = 0
    """Tokens at most of the user's lasting wishes, which are shown beside the budget."""

    @property
    def product(self) -> Result:
        """The product's own result."""
        return self.results[0]

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


def print_report(report: Report, console: Console) -> None:
    """Print a report: all methods side by side, then the product by category."""
    overall = report.product.overall
    wishes = f" and {report.wishes} of lasting wishes" if report.wishes else ""
    console.print(
        f"[bold]{report.title}[/bold]: {report.conversations} conversations, "
        f"{overall.questions} questions, {overall.evidence} evidence messages; "
        f"at most {report.budget} tokens{wishes}; embeddings {report.embeddings}; "
        f"memories in {report.store}"
    )
    table = _table("method")
    for result in report.results:
        _row(table, result.method, result.overall)
    console.print(table)
    categories = _table("category")
    for name, measured in report.product.by_category.items():
        _row(categories, f"{report.names.get(name, name)} ({measured.questions})", measured)
    console.print(categories)


def _table(first: str) -> Table:
    table = Table()
    table.add_column(first)
    for name in ("evidence recall", "answer support", "tokens", "most", "p50 ms", "p95 ms"):
        table.add_column(name, justify="right")
    return table


def _row(table: Table, name: str, measured: Measure) -> None:
    table.add_row(
        name,
        f"{measured.evidence_recall:.3f}",
        f"{measured.answer_support:.3f}",
        f"{measured.tokens:.0f}",
        str(measured.most_tokens),
        f"{measured.p50_ms:.1f}",
        f"{measured.p95_ms:.1f}",
    )

"""What the terminal shows of memory, as tables: what is recalled and kept, and what it costs.

Every text in them was written by a user or a model, so all of it passes through `one_line`.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from domain.facts.facts import Standing
from domain.records import Entity, Episode, Recalled
from service.cli.colours import FAINT, LAYERS
from service.plain_text import counted, day, one_line
from service.reasons import REASONS, reasons_of
from service.usage.ledger import Ledger

LEAST = 0.0001
"""The smallest cost that is shown as a number."""
BAR = 50
"""Width of the budget's bar, in characters."""
TAIL = 0.25
"""Share of the best item's score below which an item is not shown: there they have a common word
with the question or two, and no more."""


def _table(*columns: str, wide: str = "", numbers: Sequence[str] = (), **more: Any) -> Table:
    """Return a table without lines, whose long texts go on below; only `wide` takes more room."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), **more)
    for name in columns:
        ratio, number = 3 if name == wide else None, name in numbers
        justify: JustifyMethod = "right" if number else "left"
        table.add_column(name, justify=justify, ratio=ratio, overflow="fold", no_wrap=number)
    return table


def _noted(text: str, note: str) -> Text:
    """Return a text with a note on a line of its own."""
    return Text.assemble(text, "\n", (note, FAINT))


def recalled_table(items: Sequence[Recalled]) -> RenderableType:
    """Return what was recalled, the strongest first, each text once, with what made it come."""
    if not items:
        return Text("Nothing about that is remembered.")
    best = max(item.score for item in items)
    near = [item for item in items if item.score >= TAIL * best]
    by_text: dict[str, list[Recalled]] = {}
    for item in sorted(near, key=lambda item: -item.score):
        by_text.setdefault(one_line(item.text).removeprefix("- "), []).append(item)
    table, named = _table("date", "what", wide="what"), dict[str, str]()
    for text, same in by_text.items():
        reasons = reasons_of(same[0])
        named |= {reason: REASONS[reason] for reason in reasons}
        note = f"{same[0].kind} {same[0].score:.2f}"
        note += f", why: {', '.join(reasons)}" if reasons else ""
        note += f", said {len(same)} times" if len(same) > 1 else ""
        table.add_row(day(max(item.at for item in same)), _noted(text, note))
    left = len(items) - len(near)
    legend = [f"{reason}: {meaning}" for reason, meaning in named.items()]
    legend += [f"{counted(left, 'weaker one')} not shown."] if left else []
    return Group(table, Text("\n".join(["", *legend]), style=FAINT) if legend else "")


def budget_table(budget: Mapping[str, Any]) -> RenderableType:
    """Return a prompt's budget as a bar and a row for each part."""
    limit = max(budget["limit"], 1)
    columns = ("part", "tokens", "share")
    bar, table = Text(), _table(*columns, numbers=columns[1:], show_header=False)
    sizes = {name: int(value) for name, value in budget.items() if isinstance(value, int)}
    for name, style in LAYERS.items():
        tokens = sizes[name]
        bar.append("█" * round(tokens / limit * BAR), style=style)
        table.add_row(
            Text(name.replace("_", " "), style=style), str(tokens), f"{tokens / limit:.0%}"
        )
    bar.append("░" * max(0, BAR - len(bar)), style=FAINT)
    table.add_row("total", f"{budget['total']}", f"{budget['total'] / limit:.0%}")
    table.add_row("limit", f"{budget['limit']}", "")
    table.add_row("prefix cached", f"{budget['cached_prefix']:.0%}", "")
    return Group(bar, table)


def episodes_table(episodes: Sequence[Episode]) -> RenderableType:
    """Return episodes in order, with what the checks made of their summaries."""
    if not episodes:
        return Text("No episodes yet: a conversation is folded into one when it has become long.")
    table = _table("when", "turns", "summary", wide="summary", numbers=["turns"])
    for episode in episodes:
        days = dict.fromkeys((day(episode.begun), day(episode.ended)))
        summary = _noted(one_line(episode.summary), quality(episode))
        table.add_row("\n".join(days), str(len(episode.turns)), summary)
    return table


def quality(episode: Episode) -> str:
    """Return the quality of a summary in a few words."""
    words = []
    if episode.coverage is not None:
        words.append(f"keeps {episode.coverage:.0%}")
    if episode.score is not None:
        words.append(f"scored {episode.score:.2f}")
    if episode.extractive:
        words.append("extractive")
    return ", ".join(words) or "unchecked"


def facts_table(standings: Sequence[Standing]) -> RenderableType:
    """Return facts, those that hold first, each superseded one with when it ended."""
    if not standings:
        return Text("No facts yet: they are drawn from what is said every few turns.")
    table = _table("since", "until", "kind", "fact", wide="fact")
    ordered = sorted(standings, key=lambda each: (not each.current, each.fact.valid_from))
    for each in ordered:
        style = "" if each.current else FAINT
        note = " (your own words)" if each.fact.edited else ""
        table.add_row(
            day(each.fact.valid_from),
            day(each.until) if each.until else ("" if each.current else "superseded"),
            each.fact.kind,
            f"{one_line(each.fact.text)}{note}",
            style=style,
        )
    return table


def entities_table(entities: Sequence[Entity]) -> RenderableType:
    """Return entities with the history of each attribute, the latest value first."""
    if not entities:
        return Text("No people, places or things yet.")
    table = _table("name", "kind", "attributes", wide="attributes")
    for entity in entities:
        table.add_row(one_line(entity.name), entity.kind, attributes(entity))
    return table


def attributes(entity: Entity) -> str:
    """Return an entity's attributes on one line, earlier values in brackets."""
    shown = []
    by_name = sorted(entity.attributes, key=lambda attribute: attribute.name)
    for name, same_name in groupby(by_name, key=lambda attribute: attribute.name):
        newest_first = sorted(same_name, key=lambda a: a.valid_from, reverse=True)
        values = [one_line(attribute.value) for attribute in newest_first]
        now, *before = dict.fromkeys(value or "no longer" for value in values)
        was = f" (before: {', '.join(before)})" if before else ""
        shown.append(f"{one_line(name)}: {now}{was}")
    return "; ".join(shown)


TABLES: dict[str, Callable[[Sequence[Any]], RenderableType]] = {
    "recalled": recalled_table,
    "episodes": episodes_table,
    "facts": facts_table,
    "entities": entities_table,
}
"""The table of each kind of what is remembered."""


def ledger_table(ledger: Ledger) -> Table:
    """Return the lines of a ledger and their sum; costs only where any model has a price."""
    priced = any(line.cost is not None for line in ledger.lines)
    numbers = ("calls", "tokens in", "tokens out", *(["cost"] if priced else []))
    table = _table("month", "purpose", "model", *numbers, numbers=numbers)
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

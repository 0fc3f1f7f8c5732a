"""What the terminal shows of memory, as tables: recalled items, budgets, episodes, facts, entities.

Every text in them was written by a user or a model, so all of it passes through `one_line`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from domain.facts.facts import Standing
from domain.records import Entity, Episode, Recalled
from service.cli.terminal import day, one_line

BAR = 50
"""Width of the budget's bar, in characters."""
PARTS = {
    "persona": "magenta",
    "summary": "blue",
    "buffer": "cyan",
    "entities": "yellow",
    "memories": "green",
    "reply_reserve": "bright_black",
}
SIGNALS = 2
"""How many of the signals that ranked an item are shown."""


def _table(*columns: str, wide: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        if name == wide:
            table.add_column(name, ratio=3, overflow="fold")
        elif name == "why":
            table.add_column(name, ratio=1, min_width=14, style="dim")
        else:
            number = name in ("score", "tokens", "turns")
            table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def recalled_table(items: Sequence[Recalled]) -> Table:
    """Return what was recalled, the strongest first, with the strongest reasons."""
    table = _table("score", "kind", "date", "what", "why", wide="what")
    for item in sorted(items, key=lambda item: -item.score):
        said = one_line(item.text).removeprefix("- ")
        table.add_row(f"{item.score:.2f}", item.kind, day(item.at), said, _why(item))
    return table


def _why(item: Recalled) -> str:
    strongest = list(item.why.items())[:SIGNALS]
    return ", ".join(f"{one_line(name)} {value:.1f}" for name, value in strongest)


def budget_table(budget: Mapping[str, Any]) -> RenderableType:
    """Return a prompt's budget as a bar and a row for each part."""
    limit = max(budget["limit"], 1)
    bar, table = Text(), Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column("part")
    table.add_column("tokens", justify="right")
    table.add_column("share", justify="right")
    sizes = {name: int(value) for name, value in budget.items() if isinstance(value, int)}
    for name, style in PARTS.items():
        tokens = sizes[name]
        bar.append("█" * round(tokens / limit * BAR), style=style)
        table.add_row(
            Text(name.replace("_", " "), style=style), str(tokens), f"{tokens / limit:.0%}"
        )
    bar.append("░" * max(0, BAR - len(bar)), style="dim")
    table.add_row("total", f"{budget['total']}", f"{budget['total'] / limit:.0%}")
    table.add_row("limit", f"{budget['limit']}", "")
    table.add_row("prefix cached", f"{budget['cached_prefix']:.0%}", "")
    return Group(bar, table)


def episodes_table(episodes: Sequence[Episode]) -> Table:
    """Return episodes in order, with what the checks made of their summaries."""
    table = _table("from", "to", "turns", "quality", "summary", wide="summary")
    for episode in episodes:
        table.add_row(
            day(episode.begun),
            day(episode.ended),
            str(len(episode.turns)),
            quality(episode),
            one_line(episode.summary),
        )
    return table


def quality(episode: Episode) -> str:
    """Return the quality of a summary in a few words."""
    said = []
    if episode.coverage is not None:
        said.append(f"keeps {episode.coverage:.0%}")
    if episode.score is not None:
        said.append(f"scored {episode.score:.2f}")
    if episode.extractive:
        said.append("extractive")
    return ", ".join(said) or "unchecked"


def facts_table(standings: Sequence[Standing]) -> Table:
    """Return facts, those that hold first, each superseded one with when it ended."""
    table = _table("since", "until", "kind", "fact", wide="fact")
    ordered = sorted(standings, key=lambda each: (not each.current, each.fact.valid_from))
    for each in ordered:
        style = "" if each.current else "dim"
        note = " (your own words)" if each.fact.edited else ""
        table.add_row(
            day(each.fact.valid_from),
            day(each.until) if each.until else ("" if each.current else "superseded"),
            each.fact.kind,
            f"{one_line(each.fact.text)}{note}",
            style=style,
        )
    return table


def entities_table(entities: Iterable[Entity]) -> Table:
    """Return entities with the history of each attribute, the latest value first."""
    table = _table("name", "kind", "attributes", wide="attributes")
    for entity in entities:
        table.add_row(one_line(entity.name), entity.kind, attributes(entity))
    return table


def attributes(entity: Entity) -> str:
    """Return an entity's attributes on one line, earlier values in brackets."""
    said = []
    by_name = sorted(entity.attributes, key=lambda attribute: attribute.name)
    for name, same_name in groupby(by_name, key=lambda attribute: attribute.name):
        newest_first = sorted(same_name, key=lambda a: a.valid_from, reverse=True)
        values = [one_line(attribute.value) for attribute in newest_first]
        now, *before = dict.fromkeys(values)
        was = f" (before: {', '.join(before)})" if before else ""
        said.append(f"{one_line(name)}: {now}{was}")
    return "; ".join(said)

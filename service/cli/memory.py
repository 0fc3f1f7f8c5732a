"""The verbs that show what is remembered."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.options import (
    CHARACTER,
    USER,
    AsOf,
    Character,
    Json,
    User,
    Zone,
    date_of,
    now_in,
    owner_of,
)
from service.cli.terminal import console, fail, print_json, settings, with_parts, with_stores

if TYPE_CHECKING:
    from domain.owner import Owner
    from domain.records import Recalled
    from nodes.state import Parts
    from service.memory_view import MemoryView
    from service.usage.ledger import Ledger
    from settings import Settings
    from stores.open import Stores


def recall(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    tokens: Annotated[
        int, typer.Option("--budget", min=1, metavar="N", help="Tokens of what is recalled.")
    ] = 1000,
    as_of: AsOf = None,
    timezone: Zone = None,
    user: User = USER,
    character: Character = CHARACTER,
    as_json: Json = False,
) -> None:
    """Show what would be recalled for a message."""
    if not query.strip():
        fail("The query is empty: say what to look for.")
    owner, zone = owner_of(user, character), timezone or settings().timezone
    now, day = now_in(zone), date_of(as_of, zone)

    async def work(stores: "Stores", _: "Settings") -> "tuple[Recalled, ...]":
        from service.memory_view import look_up

        return await look_up(stores, owner, query, budget=tokens, now=now, as_of=day)

    _show(with_stores(work, reads=True), "recalled", as_json)


def episodes(user: User = USER, character: Character = CHARACTER, as_json: Json = False) -> None:
    """Show the summarized stretches of conversation.

    With the quality of each summary: how much of what matters it keeps.
    """
    _show(_remembered(owner_of(user, character)).episodes, "episodes", as_json)


def facts(
    as_of: AsOf = None,
    timezone: Zone = None,
    user: User = USER,
    character: Character = CHARACTER,
    as_json: Json = False,
) -> None:
    """Show the facts, also those superseded since."""
    day = date_of(as_of, timezone or settings().timezone)
    shown = _remembered(owner_of(user, character), day).facts
    if as_json:
        from service.memory_view import FactShown

        _show([*map(FactShown.of, shown)], "facts", as_json)
    else:
        _show(shown, "facts", as_json)


def entities(user: User = USER, character: Character = CHARACTER, as_json: Json = False) -> None:
    """Show the people, places and things that were named."""
    _show(_remembered(owner_of(user, character)).entities, "entities", as_json)


def budget(
    user: User = USER,
    character: Character = CHARACTER,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Show only what all turns cost, not the last prompt.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how the last prompt spent its tokens.

    And what all turns cost so far, by month, purpose and model (with --json: --ledger asks for it).
    """
    owner = owner_of(user, character)
    spent, cost = with_parts(lambda parts: _spent(parts, owner), reads=True)
    if ledger and as_json:
        print_json(cost.model_dump(mode="json"))
        return
    if ledger and not cost.lines:
        fail("There is no turn to account for yet: `mnemo chat` makes one.")
    if spent is None and not ledger and (as_json or not cost.lines):
        fail("There is no prompt to report on yet: `mnemo chat` makes one.")
    if as_json:
        print_json(spent)
        return
    from service.cli.tables import budget_table, ledger_table

    screen = console()
    if spent is not None and not ledger:
        screen.print(budget_table(spent))
        screen.print()
    if cost.lines:
        screen.print(ledger_table(cost))


async def _spent(parts: "Parts", owner: "Owner") -> "tuple[Mapping[str, Any] | None, Ledger]":
    """Return how an owner's last prompt was spent, None where there is none, and the ledger."""
    from service.conversation import Conversation
    from service.usage.ledger import read_ledger

    conversation = Conversation(parts)
    thread = await conversation.last_thread(owner)
    spent = await conversation.last_budget(owner, thread) if thread else None
    return spent, await read_ledger(parts.stores.journal, parts.settings, owner)


def _show(shown: Sequence[Any], kind: str, as_json: bool) -> None:
    """Print what is remembered: as JSON, or in the table of its kind."""
    if as_json:
        print_json([each.model_dump(mode="json") for each in shown])
    else:
        from service.cli.tables import TABLES

        console().print(TABLES[kind](shown))


def _remembered(owner: "Owner", as_of: datetime | None = None) -> "MemoryView":
    async def work(stores: "Stores", _: "Settings") -> "MemoryView":
        from service.memory_view import remembered

        return await remembered(stores, owner, as_of=as_of)

    return with_stores(work, reads=True)

"""What an owner's turns cost: tokens read and written, by month, layer and model.

Counted in the journal's store, so it outlives a reset (what was spent stays spent) and goes with
`forget`. Prices are the settings' of the day it is read.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from domain.owner import Owner
from settings import Settings
from stores.journal.journal import Journal

Layer = Literal["reply", "summary", "score", "facts"]
"""What tokens were spent for."""


@dataclass(frozen=True)
class Spent:
    """What one model call cost, in tokens."""

    layer: Layer
    model: str
    read: int
    written: int


class LedgerLine(BaseModel):
    """What one model cost in one month for one purpose."""

    month: str = Field(description="As 2026-05, in UTC.")
    layer: Layer = Field(description="reply, summary, score (of a summary) or facts.")
    model: str = Field(description="As the settings or the provider name it.")
    calls: int = Field(description="Calls that were answered.")
    tokens_in: int = Field(description="Tokens the model read.")
    tokens_out: int = Field(description="Tokens it wrote.")
    cost: float | None = Field(description="By the settings' prices; null where it has none.")


class Ledger(BaseModel):
    """What an owner's turns cost."""

    lines: list[LedgerLine] = Field(description="Newest month first.")
    tokens_in: int = Field(description="Sum of all lines.")
    tokens_out: int = Field(description="Sum of all lines.")
    cost: float = Field(description="Sum of the lines that have a price.")


async def spend(journal: Journal, owner: Owner, spent: Iterable[Spent], at: datetime) -> None:
    """Write down what a turn cost.

    Raises:
        StoreUnavailable: If the journal does not answer.
    """
    amounts: dict[str, int] = {}
    for call in spent:
        for kind, amount in (("calls", 1), ("in", call.read), ("out", call.written)):
            name = json.dumps([f"{at:%Y-%m}", call.layer, call.model, kind])
            amounts[name] = amounts.get(name, 0) + amount
    if amounts:
        await journal.backend.count_up(owner, amounts)


async def read_ledger(journal: Journal, settings: Settings, owner: Owner) -> Ledger:
    """Return what an owner's turns cost so far.

    Raises:
        StoreUnavailable: If the journal does not answer.
    """
    counted: dict[tuple[str, Layer, str], dict[str, int]] = {}
    for name, value in (await journal.backend.counts(owner)).items():
        month, layer, model, kind = json.loads(name)
        counted.setdefault((month, layer, model), {})[kind] = value
    lines = [
        LedgerLine(
            month=month,
            layer=layer,
            model=model,
            calls=line.get("calls", 0),
            tokens_in=line.get("in", 0),
            tokens_out=line.get("out", 0),
            cost=_cost(settings, model, line),
        )
        for (month, layer, model), line in sorted(counted.items(), reverse=True)
    ]
    return Ledger(
        lines=lines,
        tokens_in=sum(line.tokens_in for line in lines),
        tokens_out=sum(line.tokens_out for line in lines),
        cost=sum(line.cost or 0.0 for line in lines),
    )


def _cost(settings: Settings, model: str, line: Mapping[str, int]) -> float | None:
    prices = settings.prices.get(model) or settings.prices.get(model.partition(":")[2])
    if prices is None:
        return None
    read, written = prices
    return (line.get("in", 0) * read + line.get("out", 0) * written) / 1_000_000

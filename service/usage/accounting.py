"""What the runs of this process cost and how long they take, written to ledger and metrics.

Hears of runs from `watch`. A run never fails because of what is done here.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import UUID

from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel

from domain.owner import Owner
from nodes.state import Origin, Parts
from service.usage import metrics
from service.usage.ledger import Layer, Spent, spend
from service.usage.limits import Limits
from stores.errors import StoreUnavailable

_log = logging.getLogger(__name__)

SHARES = ("persona", "summary", "buffer", "entities", "memories")


@dataclass
class Call:
    """A model call that is under way."""

    layer: Layer
    messages: Sequence[BaseMessage]


@dataclass
class Run:
    """A run of a graph that is under way."""

    name: str
    begun: float = field(default_factory=perf_counter)
    owner: Owner | None = None
    tier: str | None = None
    steps: dict[UUID, tuple[str, float]] = field(default_factory=dict)
    """Its nodes: name and when they began."""
    calls: dict[UUID, Call] = field(default_factory=dict)
    members: dict[UUID, Layer | None] = field(default_factory=dict)
    """All that runs in it, first itself, and what for."""
    spent: list[Spent] = field(default_factory=list)
    answered: bool = False
    heard: bool = False
    """Whether the first token of the reply has come."""


class Meter:
    """Counts the tokens and seconds of runs on one set of parts."""

    def __init__(self, parts: Parts, limits: Limits) -> None:
        """Write to the ledger of `parts`, and charge `limits`."""
        self._parts, self._limits = parts, limits

    def begins(self, run: Run, inputs: Any) -> None:
        """Note whose run it is where its input says so (folding in the background)."""
        fields = inputs.model_dump() if isinstance(inputs, BaseModel) else inputs
        if isinstance(fields, dict) and isinstance(user := fields.get("user_id"), str) and user:
            run.owner = Owner(user, fields.get("character_id") or "default")
            run.tier = fields.get("tier")

    def _located(self, run: Run, origin: Origin) -> None:
        """Note whose turn it is."""
        run.owner = origin.owner
        tiers = self._parts.settings.all_tiers
        run.tier = next(name for name, tier in tiers.items() if tier == origin.tier)

    def cost(self, run: Run, call: Call, reply: AIMessage) -> Spent:
        """Return what a model call cost: as the provider says, else counted here."""
        models = self._parts.models
        model = models.memory_name
        if call.layer == "reply":
            model = (models.of(run.owner.character_id) if run.owner else models.chat).name
        usage = reply.usage_metadata
        if usage is not None:
            return Spent(call.layer, model, usage["input_tokens"], usage["output_tokens"])
        read = models.tokens.prompt(call.messages)
        return Spent(call.layer, model, read, models.tokens.text(reply.text))

    async def ends(self, run: Run) -> None:
        """Write down what a run cost."""
        if run.owner is not None and run.spent:
            await charge(self._parts, self._limits, run.owner, run.tier, run.spent)

    def step(self, run: Run, name: str, outputs: Mapping[str, Any]) -> None:
        """Take from a step's result what is counted."""
        if isinstance(origin := outputs.get("origin"), Origin):
            self._located(run, origin)
        if name == "generate" and "budget" in outputs:
            run.answered = True
            for share in SHARES:
                metrics.PROMPT_TOKENS.labels(share).inc(outputs["budget"][share])
        if outputs.get("folded"):
            metrics.FOLDS.inc()
            metrics.FOLDED_MESSAGES.inc(outputs["folded"])
        metrics.FACTS_ADDED.inc(len(outputs.get("facts_added") or ()))
        metrics.NOTES_DROPPED.inc(outputs.get("facts_dropped") or 0)
        degraded = outputs.get("degraded")
        for part in degraded if isinstance(degraded, list) else ():
            metrics.DEGRADED.labels(str(part).partition(":")[0]).inc()


async def charge(
    parts: Parts, limits: Limits, owner: Owner, tier: str | None, calls: Sequence[Spent]
) -> None:
    """Write down what model calls for an owner cost; a store that fails is logged alone."""
    for spent in calls:
        metrics.MODEL_TOKENS.labels(spent.layer, "in").inc(spent.read)
        metrics.MODEL_TOKENS.labels(spent.layer, "out").inc(spent.written)
    tokens = sum(spent.read + spent.written for spent in calls)
    try:
        await limits.charge(owner.user_id, tier, tokens)
        await spend(parts.stores.journal, owner, calls, parts.now())
    except StoreUnavailable as error:
        metrics.FAILURES.labels("ledger", type(error).__name__).inc()
        _log.warning("What a turn cost could not be written down: %s", error)

"""Whether this process can serve, and what Prometheus reads of it."""

import asyncio
import os
from collections.abc import Awaitable
from time import perf_counter
from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel, Field

from service.http.access import Served
from stores.errors import StoreUnavailable
from stores.open import Stores

router = APIRouter(tags=["operation"])


class StoreHealth(BaseModel):
    """Whether one store answers."""

    name: Literal["journal", "checkpoints", "memories"]
    answers: bool
    ms: float = Field(description="How long it took, in milliseconds.")


class Health(BaseModel):
    """Whether turns can be taken."""

    status: Literal["ok", "degraded", "down"] = Field(
        description="degraded: turns are taken without long-term memory; down: none are taken."
    )
    stores: list[StoreHealth]


@router.get("/ready", responses={503: {"model": Health, "description": "Not ready."}})
@router.get(
    "/health",
    responses={503: {"model": Health, "description": "Down."}},
    openapi_extra={"security": []},  # It is served without a token.
)
async def health(served: Served, response: Response) -> Health:
    """Which stores answer."""
    patience = served.parts.settings.store_timeout
    asked = _questions(served.parts.stores)
    stores = await asyncio.gather(
        *(_asked(name, question, patience) for name, question in asked.items())
    )
    silent = {store.name for store in stores if not store.answers}
    if silent - {"memories"}:
        response.status_code = 503
        return Health(status="down", stores=list(stores))
    return Health(status="degraded" if silent else "ok", stores=list(stores))


def _questions(
    stores: Stores,
) -> dict[Literal["journal", "checkpoints", "memories"], Awaitable[Any]]:
    """Return one cheap reading of each store."""
    nowhere = "00000000-0000-0000-0000-000000000000"
    return {
        "journal": stores.journal.backend.ping(),
        "checkpoints": stores.checkpointer.aget_tuple({"configurable": {"thread_id": nowhere}}),
        "memories": stores.long_term.aget(("health",), "health"),
    }


async def _asked(
    name: Literal["journal", "checkpoints", "memories"],
    question: Awaitable[Any],
    patience: float,
) -> StoreHealth:
    begun = perf_counter()
    try:
        async with asyncio.timeout(patience):
            await question
        answers = True
    except (StoreUnavailable, TimeoutError):
        answers = False
    return StoreHealth(name=name, answers=answers, ms=round((perf_counter() - begun) * 1000, 1))


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """What Prometheus reads of this process, and of those that serve beside it."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
    text = await asyncio.to_thread(generate_latest, registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)

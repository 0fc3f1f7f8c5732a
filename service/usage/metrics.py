"""What Prometheus may read: how long things take, what they cost, and what failed.

Defined here, written by `meter` and `limits`; `langgraph dev` serves them at /metrics with its
own. No label ever names a user.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from stores.open import Stores


FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0, 120.0)

TURN_SECONDS = Histogram(
    "mnemo_turn_seconds",
    "A whole turn, with the memory work after its reply.",
    buckets=SLOW,
)
FIRST_TOKEN_SECONDS = Histogram(
    "mnemo_first_token_seconds", "From the start of a turn to the reply's first token.",
    buckets=SLOW,
)  # fmt: skip
STEP_SECONDS = Histogram(
    "mnemo_step_seconds",
    "One step of a turn: recall_memories, summarize (a fold), ...",
    ["step"],
    buckets=tuple(sorted({*FAST, *SLOW})),
)
STORE_SECONDS = Histogram(
    "mnemo_store_seconds", "One call to a store.", ["store", "call"], buckets=FAST
)
TURNS = Counter("mnemo_turns", "Turns by how they ended.", ["outcome"])
PROMPT_TOKENS = Counter("mnemo_prompt_tokens", "Tokens of prompts by layer.", ["layer"])
MODEL_TOKENS = Counter(
    "mnemo_model_tokens", "Tokens that models read and wrote, by purpose.", ["layer", "direction"]
)
FOLDS = Counter("mnemo_folds", "Episodes written.")
FOLDED_MESSAGES = Counter("mnemo_folded_messages", "Messages folded into episodes.")
FACTS_ADDED = Counter("mnemo_facts_added", "Facts extracted.")
NOTES_DROPPED = Counter(
    "mnemo_notes_dropped", "Facts and entities of a model that nothing the user said supports."
)
FAILURES = Counter("mnemo_failures", "Steps that failed, by error.", ["step", "error"])
DEGRADED = Counter("mnemo_degraded", "What turns had to do without.", ["part"])
LIMITED = Counter("mnemo_limited", "Requests refused because of a limit.", ["limit"])

_WATCHED = "_mnemo_watched"


def watch_stores(stores: "Stores") -> None:
    """Time the calls to these stores from now on."""
    watched: tuple[tuple[str, object, tuple[str, ...]], ...] = (
        ("journal", stores.journal.backend, ("read", "commit")),
        ("checkpoints", stores.checkpointer, ("aget_tuple", "aput", "aput_writes")),
        ("memories", stores.long_term, ("abatch",)),
    )
    for name, store, calls in watched:
        if hasattr(store, _WATCHED):
            continue
        setattr(store, _WATCHED, True)
        for call in calls:
            setattr(store, call, _timed(getattr(store, call), name, call))


def _timed(
    call: Callable[..., Awaitable[Any]], store: str, name: str
) -> Callable[..., Awaitable[Any]]:
    seconds = STORE_SECONDS.labels(store, name)

    @wraps(call)
    async def timed(*args: Any, **more: Any) -> Any:
        begun = perf_counter()
        try:
            return await call(*args, **more)
        finally:
            seconds.observe(perf_counter() - begun)

    return timed

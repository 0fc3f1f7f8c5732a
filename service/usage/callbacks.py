"""Counts every run in this process through LangChain's callbacks.

So it needs no place in the graph and misses no channel. It never changes a run; what it hears
is counted by `meter`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.tracers.context import register_configure_hook

from nodes.messages.refusal import TurnRefused
from nodes.state import Parts
from service.usage import metrics
from service.usage.accounting import Call, Meter, Run
from service.usage.ledger import Layer
from service.usage.limits import Limits

GRAPHS = ("chat", "remember")
LAYERS: Mapping[str, Layer] = {
    "generate": "reply",
    "summarize": "summary",
    "extract_facts": "facts",
}
"""The node that calls a model, to what for."""
SCORE = "ScoreForm"
"""How the call is named that scores a summary."""


class Watch(AsyncCallbackHandler):
    """The callback handler of every run in this process; does nothing while no meter is set."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.meter: Meter | None = None
        self._runs: dict[UUID, Run] = {}

    async def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """A graph, a node, or something inside one begins."""
        if self.meter is None:
            return
        name, node = str(more.get("name")), (metadata or {}).get("langgraph_node")
        run = self._runs.get(parent_run_id) if parent_run_id else None
        if run is None:
            if node is not None or name not in GRAPHS:
                return
            run = Run(name)
            self.meter.begins(run, inputs)
        layer = run.members.get(parent_run_id) if parent_run_id else None
        if node is not None and node == name:
            run.steps[run_id] = (name, perf_counter())
            layer = LAYERS.get(name)
        self._runs[run_id] = run
        run.members[run_id] = layer

    async def on_chain_end(self, outputs: dict[str, Any], *, run_id: UUID, **more: Any) -> None:
        """It has ended well."""
        run = self._runs.get(run_id)
        if run is None or self.meter is None:
            return
        if run_id in run.steps:
            name, begun = run.steps.pop(run_id)
            metrics.STEP_SECONDS.labels(name).observe(perf_counter() - begun)
            if isinstance(outputs, dict):
                self.meter.step(run, name, outputs)
        if next(iter(run.members)) == run_id:
            await self._over(run, "answered" if run.answered else "failed")

    async def on_chain_error(self, error: BaseException, *, run_id: UUID, **more: Any) -> None:
        """It has failed, or was stopped."""
        run = self._runs.get(run_id)
        if run is None:
            return
        refused = isinstance(error, TurnRefused)
        if run_id in run.steps and not refused:
            metrics.FAILURES.labels(run.steps.pop(run_id)[0], type(error).__name__).inc()
        if next(iter(run.members)) == run_id:
            await self._over(run, "refused" if refused else "failed")

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **more: Any,
    ) -> None:
        """A model is asked."""
        run = self._runs.get(parent_run_id) if parent_run_id else None
        layer = run.members.get(parent_run_id) if run and parent_run_id else None
        if run is None or layer is None:
            return
        if more.get("name") == SCORE:
            layer = "score"
        run.calls[run_id] = Call(layer, messages[0] if messages else ())
        self._runs[run_id] = run
        run.members[run_id] = layer

    async def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: Any = None,
        run_id: UUID,
        **more: Any,
    ) -> None:
        """A part of an answer comes."""
        run = self._runs.get(run_id)
        if run is None or run.heard or not token or run.calls[run_id].layer != "reply":
            return
        run.heard = True
        metrics.FIRST_TOKEN_SECONDS.observe(perf_counter() - run.begun)

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **more: Any) -> None:
        """An answer is complete."""
        run = self._runs.get(run_id)
        if run is None or self.meter is None:
            return
        first = response.generations[0][0]
        message = first.message if isinstance(first, ChatGeneration) else None
        if isinstance(message, AIMessage):
            run.spent.append(self.meter.cost(run, run.calls[run_id], message))

    async def on_llm_error(self, error: BaseException, *, run_id: UUID, **more: Any) -> None:
        """An answer broke off, or was stopped: what was read for it was read."""
        run = self._runs.get(run_id)
        if run is not None and self.meter is not None and run.heard:
            run.spent.append(self.meter.cost(run, run.calls[run_id], AIMessage("")))

    async def _over(self, run: Run, outcome: str) -> None:
        """Close the account of a run."""
        for member in run.members:
            self._runs.pop(member, None)
        if run.name == "chat":
            metrics.TURNS.labels(outcome).inc()
            metrics.TURN_SECONDS.observe(perf_counter() - run.begun)
        if self.meter is not None:
            await self.meter.ends(run)


# One for the whole process, on purpose: LangChain asks for it in whatever context a run has.
_watch: ContextVar[Watch | None] = ContextVar("mnemo_watch", default=Watch())  # noqa: B039
register_configure_hook(_watch, inheritable=True, handle_class=Watch)


def unmetered() -> None:
    """Keep no account of the runs that the current task begins from here on."""
    _watch.set(None)


@contextmanager
def metering(parts: Parts, limits: Limits) -> Iterator[None]:
    """Keep account of all runs of this process from here to the end."""
    watch = _watch.get()
    if watch is None:
        raise LookupError("Nothing watches here.")
    before, watch.meter = watch.meter, Meter(parts, limits)
    metrics.watch_stores(parts.stores)
    try:
        yield
    finally:
        watch.meter = before

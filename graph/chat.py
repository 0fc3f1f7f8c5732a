"""The turn: three reads at once, one prompt, one reply, and what is scheduled after it.

START─ locate ─┬─ load_buffer ──────┐
               ├─ recall_summaries ─┼─ assemble_context ─ generate ─┬─ summarize ────┬─ finish ─ END
               ├─ recall_memories ──┘                               ├─ extract_facts ┘
               └─ END (answered before)                             └─ END (nothing scheduled)
"""

from typing import Any, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graph.parts import process_parts
from graph.remember import run as remember
from graph.resume import Node, resumed
from graph.tracing import label_run
from nodes.assemble_context import assemble_context
from nodes.extract_facts import extract_facts
from nodes.finish import finish
from nodes.generate import Generate
from nodes.load_buffer import load_buffer
from nodes.locate import locate
from nodes.recall_memories import recall_memories
from nodes.recall_summaries import recall_summaries
from nodes.state import ChatContext, ChatInput, ChatOutput, ChatState, Parts, Schedule
from nodes.summarize import summarize

READS = ["load_buffer", "recall_summaries", "recall_memories"]

Builder = StateGraph[ChatState, ChatContext, ChatInput, ChatOutput]


class Step(Protocol):
    """A node, as LangGraph calls it."""

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return what the step adds to the state."""


def build(parts: Parts | None = None) -> Builder:
    """Return the graph, uncompiled. Without `parts` it runs on those of this process."""

    def step(node: Node, *needs: str) -> Step:
        async def run(state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
            if not runtime.context:
                runtime = runtime.override(context=ChatContext())
            running = parts or await process_parts()
            update = await resumed(running, node, needs, state, runtime)
            label_run(state, update)
            return update

        return run

    graph: Builder = StateGraph(
        ChatState, context_schema=ChatContext, input_schema=ChatInput, output_schema=ChatOutput
    )
    graph.add_node("locate", step(locate))
    graph.add_node("load_buffer", step(load_buffer, "origin"))
    graph.add_node("recall_summaries", step(recall_summaries, "origin"))
    graph.add_node("recall_memories", step(recall_memories, "origin"))
    graph.add_node("assemble_context", step(assemble_context, "origin", "memories"))
    graph.add_node(
        "generate",
        step(lambda parts, *run: Generate(parts, remember)(*run), "origin", "memories", "prompt"),
    )
    graph.add_node("summarize", step(summarize, "origin", "schedule"))
    graph.add_node("extract_facts", step(extract_facts, "origin", "schedule"))
    graph.add_node("finish", step(finish, "origin"))
    graph.add_edge(START, "locate")
    graph.add_conditional_edges("locate", after_locate, [*READS, END])
    for read in READS:
        # No joint edge: what has arrived of one would be stored with checkpoints before it.
        graph.add_edge(read, "assemble_context")
    graph.add_edge("assemble_context", "generate")
    graph.add_conditional_edges("generate", after_reply, ["summarize", "extract_facts", END])
    graph.add_edge("summarize", "finish")
    graph.add_edge("extract_facts", "finish")
    graph.add_edge("finish", END)
    return graph


class Routed(TypedDict, total=False):
    """What routing reads; of the whole state LangGraph would make a copy for it each time."""

    answered: str | None
    schedule: Schedule


async def after_locate(state: Routed) -> list[str]:
    """Read, unless the run brings nothing that was not answered before.

    A coroutine, as all routing here: LangGraph gives a plain function a thread of its own.
    """
    return READS if state.get("answered") is None else [END]


async def after_reply(state: Routed) -> list[str]:
    """Do what is scheduled after the reply."""
    work = state.get("schedule")
    if not isinstance(work, Schedule):
        return [END]  # A state written from outside: the next turn schedules what it left.
    steps = ["summarize"] if work.fold is not None or work.renew else []
    steps += ["extract_facts"] if work.extract or work.asks else []
    return steps or [END]


SHOWN = [*ChatOutput.__annotations__, "folded", "facts_added"]
"""What clients of a server are shown of a thread's state and of each step."""

builder = build()
graph = builder.compile(name="chat")
graph.stream_channels = SHOWN

"""The turn: three reads at once, one prompt, one reply, and what is due after it.

START ─┬─ load_buffer ──────┐
       ├─ recall_summaries ─┼─ assemble_context ─ generate ─┬─ summarize ────┬─ settle ─ END
       └─ recall_memories ──┘                              ├─ extract_facts ┘
                                                           └─ END (nothing due)
"""

from collections.abc import Callable
from typing import Any, Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from graph.parts import process_parts
from nodes.assemble_context import AssembleContext
from nodes.extract_facts import ExtractFacts
from nodes.finish import Settle
from nodes.generate import Generate
from nodes.load_buffer import LoadBuffer
from nodes.recall_memories import RecallMemories
from nodes.recall_summaries import RecallSummaries
from nodes.state import ChatContext, ChatInput, ChatOutput, ChatState, Parts
from nodes.summarize import Summarize

READS = ["load_buffer", "recall_summaries", "recall_memories"]


class Step(Protocol):
    """A node, as LangGraph calls it."""

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return what the step adds to the state."""


Builder = StateGraph[ChatState, ChatContext, ChatInput, ChatOutput]


def build(parts: Parts | None = None) -> Builder:
    """Return the graph, uncompiled. Without `parts` it runs on those of this process."""

    def step(node: Callable[[Parts], Step]) -> Step:
        async def run(state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
            told = runtime.override(context=runtime.context or ChatContext())
            return await node(parts or await process_parts())(state, told)

        return run

    graph: Builder = StateGraph(
        ChatState, context_schema=ChatContext, input_schema=ChatInput, output_schema=ChatOutput
    )
    graph.add_node("load_buffer", step(LoadBuffer))
    graph.add_node("recall_summaries", step(RecallSummaries))
    graph.add_node("recall_memories", step(RecallMemories))
    graph.add_node("assemble_context", step(AssembleContext))
    graph.add_node("generate", step(Generate))
    graph.add_node("summarize", step(Summarize))
    graph.add_node("extract_facts", step(ExtractFacts))
    graph.add_node("settle", step(Settle))
    for read in READS:
        graph.add_edge(START, read)
    graph.add_edge(READS, "assemble_context")
    graph.add_conditional_edges("assemble_context", after_assembly, [*READS, "generate"])
    graph.add_conditional_edges(
        "generate", after_reply, [*READS, "summarize", "extract_facts", END]
    )
    graph.add_edge("summarize", "settle")
    graph.add_edge("extract_facts", "settle")
    graph.add_edge("settle", END)
    return graph


def after_assembly(state: ChatState) -> list[str]:
    """Go on to the reply; read first where a run began in the middle of a turn."""
    return ["generate"] if "prompt" in state else READS


def after_reply(state: ChatState) -> list[str]:
    """Do what is due after the reply; read first where a run began in the middle of a turn."""
    if "prompt" not in state:
        return READS
    due = state["due"]
    steps = ["summarize"] if due.fold is not None else []
    steps += ["extract_facts"] if due.extract else []
    return steps or [END]


builder = build()
graph = builder.compile(name="chat")

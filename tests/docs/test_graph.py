"""The graph as Studio draws it is the README's."""

import re

from graph.chat import builder
from tests.docs.test_docs import ROOT

DRAWN = re.compile(r"^START ─.*?^```$", re.DOTALL | re.MULTILINE)


def test_the_graph_is_drawn_as_in_the_readme_without_further_branches() -> None:
    drawing = DRAWN.search((ROOT / "README.md").read_text("utf-8"))
    assert drawing is not None
    graph = builder.compile().get_graph()
    steps = set(graph.nodes) - {"__start__", "__end__"}
    assert set(re.findall(r"[a-z]+(?:_[a-z]+)*(?= [─┐┘┼])", drawing[0])) == steps
    dashed = {(edge.source, edge.target) for edge in graph.edges if edge.conditional}
    reads = {"load_buffer", "recall_summaries", "recall_memories"}
    assert dashed == {("locate", target) for target in reads | {"__end__"}} | {
        ("generate", target) for target in ("summarize", "extract_facts", "__end__")
    }

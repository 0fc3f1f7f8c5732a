# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Inside a turn
#
# What each step of the graph is given and what it hands on, the prompt that comes out of it, and
# how forty turns spend the token budget. Offline, on a data dir that is thrown away at the end.

# %%
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from langchain_core.messages import HumanMessage

from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext
from settings import Settings

scratch = tempfile.TemporaryDirectory()
settings = Settings(
    data_dir=Path(scratch.name),
    openai_api_key=None,
    openai_base_url=None,
    chat_model=None,
    memory_model=None,
    embeddings="wordllama",
    redis_url=None,
    chroma_url=None,
    postgres_url=None,
    borrowed_turns=0,  # a new thread shows no end of the last one: recall has to find it
)
stack = AsyncExitStack()
parts = await stack.enter_async_context(open_parts(settings))
graph = build(parts).compile(checkpointer=parts.stores.checkpointer, store=parts.stores.long_term)
who = ChatContext(user_id="alex", character_id="companion")

# %% [markdown]
# ## The steps, in the order in which they ran
#
# LangGraph's `debug` stream tells when a task begins, with its input, and when it ends, with what
# it hands on. We say one thing first, so that the second turn has something to find.


# %%
async def steps_of(text, thread="first"):
    """Run a turn; return the begin and end of each of its steps."""
    config = {"configurable": {"thread_id": thread}}
    message = {"messages": [HumanMessage(text)]}
    stream = graph.astream(message, config, context=who, stream_mode="debug")
    return [part async for part in stream if part["type"] in ("task", "task_result")]


await steps_of("I am allergic to peanuts, and my sister Anna plays the cello.")
steps = await steps_of("What should I tell the cook about my allergy?", thread="second")
for part in steps:
    task = part["payload"]
    begins = part["type"] == "task"
    keys = task["input"].keys() if begins else dict(task["result"]).keys()
    print("->" if begins else "  <-", f"{task['name']:18}", ", ".join(sorted(keys)))

# %% [markdown]
# `locate` finds where the run begins and reads the journal once. The three reads then run at the
# same time: the buffer, the summaries of what was folded, and what the question recalls.

# %%
results = {
    part["payload"]["name"]: dict(part["payload"]["result"])
    for part in steps
    if part["type"] == "task_result"
}
origin = results["locate"]["origin"]
print("owner:", origin.owner.user_id, "/", origin.owner.character_id)
print("follows turn:", origin.head)
print("turns in the journal:", len(origin.view.turns), "in threads:", list(origin.view.refs))

# %%
for item in results["assemble_context"]["recalled"]:
    print(f"{item['score']:5.2f} {item['kind']:8} {item['text']}")

# %% [markdown]
# ## The prompt
#
# Persona and rules come first and stay the same, so that a provider's prefix cache stays warm; what
# belongs to this message alone stands at the end.

# %%
for message in results["assemble_context"]["prompt"].messages:
    print(f"--- {message.type}\n{message.text}\n")

# %% [markdown]
# ## Forty turns
#
# The budget of every prompt of a conversation of forty turns. The buffer grows until the older half
# is folded into an episode; the whole never passes the limit.

# %%
topics = ["the garden", "my bicycle", "the orchestra", "a novel", "the neighbours", "my cooking"]
doings = [
    "I spent the whole morning on",
    "My sister asked me about",
    "I wrote a long letter about",
    "I dreamt of",
    "I had an argument about",
    "I would like to know more about",
    "I spent 30 euros on",
]
budgets, folds = [], []
config = {"configurable": {"thread_id": "long"}}
for number in range(40):
    topic, doing = topics[number % len(topics)], doings[number % len(doings)]
    text = f"{doing} {topic}, and that was day {number + 1} of my holiday."
    # `updates` streams what each step hands on; a run's state keeps the budget as well.
    run = graph.astream(
        {"messages": [HumanMessage(text)]}, config, context=who, stream_mode="updates"
    )
    async for update in run:
        if "assemble_context" in update:
            budgets.append(update["assemble_context"]["prompt"].budget)
        if (update.get("summarize") or {}).get("folded"):
            folds.append(number + 1)
print("folded after turns", folds)

# %%
import matplotlib.pyplot as plt

shares = ["persona", "summary", "buffer", "entities", "memories"]
figure, axis = plt.subplots(figsize=(9, 3.5))
axis.stackplot(
    range(1, 41), *([budget[share] for budget in budgets] for share in shares), labels=shares
)
for turn in folds:
    axis.axvline(turn, color="grey", linewidth=0.8, linestyle=":")
axis.set(xlabel="turn (dotted: folded after it)", ylabel="tokens of the prompt", xlim=(1, 40))
axis.legend(loc="upper left", ncols=5, fontsize=7)
plt.show()

# %%
sizes = [sum(budget[share] for share in shares) for budget in budgets]
print("largest prompt of turns 1 to 30:", max(sizes[:30]), "tokens; of 31 to 40:", max(sizes[30:]))

# %%
await stack.aclose()
scratch.cleanup()

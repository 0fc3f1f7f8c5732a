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
# # A first conversation, and what is kept of it
#
# A conversation with the offline model (no key, no network) on a data dir that is thrown away at
# the end. We look into each layer of memory, and then at the prompt that the next message meets.

# %%
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from domain.owner import Owner
from graph.parts import open_parts
from service.conversation import Conversation
from service.memory_view import remembered
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
)
stack = AsyncExitStack()
parts = await stack.enter_async_context(open_parts(settings))
conversation = Conversation(parts)
alex = Owner("alex", "companion")
parts.models.chat.name

# %% [markdown]
# ## Saying something
#
# A turn yields the reply as it is written, then progress, then a report. Here only the report.


# %%
async def say(message, thread="monday"):
    events = [event async for event in conversation.turn(alex, thread, message)]
    return events[-1].report


lines = [
    "My name is Alex and I am allergic to peanuts",
    "I live in Ghent with my sister Anna",
    "I work as a gardener in the botanical garden",
    "Anna plays the cello in an orchestra",
    "My bicycle needs a new chain",
    "We had rain the whole weekend",
    "I am reading a novel about an island in the north",
    "I moved to Antwerp last week",
    "The train to work was late this morning",
    "I planted tomatoes on the balcony",
    "My neighbour has bought a very loud drum kit",
    "I would like to learn the names of the stars",
    "The coffee machine at work is broken",
    "I walked along the river for two hours",
]
for line in lines:
    report = await say(line)
    done = f"  [folded {report.folded} messages]" if report.folded else ""
    done += f"  [facts: {'; '.join(report.facts_added)}]" if report.facts_added else ""
    print(f"> {line}{done}")

# %% [markdown]
# ## Layer 1: the buffer and the journal
#
# The thread's checkpoint holds its messages. The journal holds the turns that no episode holds
# yet, of all threads of this owner, and a ref for each thread: the turn last added to it.

# %%
config = {"configurable": {"thread_id": "monday"}}
checkpoint = (await parts.stores.checkpointer.aget_tuple(config)).checkpoint
print(len(checkpoint["channel_values"]["messages"]), "messages in the checkpoint")

journal = await parts.stores.journal.read(alex)
print(len(journal.turns), "turns in the journal; refs:", journal.refs)
for turn in sorted(journal.turns.values(), key=lambda turn: turn.seq):
    print(turn.seq, turn.messages[0].text)

# %% [markdown]
# ## Layer 2: episodes
#
# When the journal became too long, its older half was folded: a summary, and the turns verbatim.

# %%
memory = await remembered(parts.stores, alex)
for episode in memory.episodes:
    print(f"{len(episode.turns)} turns, keeps {episode.coverage:.0%} of the details")
    print(episode.summary)

# %% [markdown]
# ## Layer 3: facts and entities
#
# Dated and sourced. The offline model keeps both homes as they were told, and names no people or
# places: what a newer statement replaces, and whom it speaks of, takes a language model.

# %%
for one in memory.facts:
    print(f"{one.fact.valid_from:%Y-%m-%d}", "holds  " if one.current else "is over", one.fact.text)
for entity in memory.entities:
    print(entity.kind, entity.name, {a.name: a.value for a in entity.attributes})

# %% [markdown]
# ## Asking, in a new conversation
#
# What was said is found as evidence (the verbatim turns, layer 4), as facts or as an episode.

# %%
report = await say("What am I allergic to?", thread="tuesday")
print(report.reply)
for item in report.recalled:
    print(f"{item.score:.2f} {item.kind:8} {item.text}")

# %% [markdown]
# ## What a prompt looks like
#
# The step `assemble_context` packs it to a hard token budget. We stream the steps of one more
# turn and look at what that one made.

# %%
from langchain_core.messages import HumanMessage

from graph.chat import build
from nodes.state import ChatContext

graph = build(parts).compile(checkpointer=parts.stores.checkpointer)
run = graph.astream(
    {"messages": [HumanMessage("And where do I live now?")]},
    {"configurable": {"thread_id": "tuesday"}},
    context=ChatContext(user_id="alex", character_id="companion"),
    stream_mode="updates",
)
async for update in run:
    if "assemble_context" in update:
        prompt = update["assemble_context"]["prompt"]
for message in prompt.messages:
    print(f"--- {message.type}\n{message.text}\n")

# %%
import matplotlib.pyplot as plt

shares = ["persona", "summary", "buffer", "entities", "memories", "reply_reserve"]
figure, axis = plt.subplots(figsize=(9, 1.4))
left = 0
for share in shares:
    axis.barh(0, prompt.budget[share], left=left, label=f"{share} {prompt.budget[share]}")
    left += prompt.budget[share]
axis.set(xlim=(0, prompt.budget["limit"]), yticks=[], xlabel="tokens of the budget")
axis.legend(ncols=6, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.5))
plt.show()

# %% [markdown]
# ## The end
#
# Closing gives the data dir back; another process could open it now. Ours is deleted.

# %%
await stack.aclose()
scratch.cleanup()

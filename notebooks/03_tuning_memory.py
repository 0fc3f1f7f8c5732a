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
# # Tuning memory
#
# What the thresholds do: how early a conversation is folded, how much of the prompt recall may
# take, and how large the prompt may be. One conversation of forty messages, twelve questions in a
# new thread, and two measures: was the message that answers in the prompt, and what did it cost.

# %%
import tempfile
from pathlib import Path

from langchain_core.messages import HumanMessage

from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext
from settings import Settings

# %% [markdown]
# ## A conversation of our own
#
# Twelve things that are asked about later, and between them talk of others that sounds alike. Put
# your users' own talk here: what is right for a companion is not what is right for a help desk.

# %%
asked = {
    "Which nuts are bad for me?": "I am allergic to walnuts.",
    "What is my cat called?": "My cat is called Biscuit.",
    "When is my exam?": "My exam in anatomy is on the 4th of June.",
    "Who taught me the violin?": "Mrs Okafor taught me the violin when I was nine.",
    "Where did I grow up?": "I grew up in a lighthouse near Ostend.",
    "How much rent do I pay?": "The rent of my flat is 640 euros a month.",
    "What does my brother do for a living?": "My brother repairs church organs for a living.",
    "Why did I leave my last job?": "I left my last job since my boss took credit for my work.",
    "What am I saving money for?": "I am saving money for a trip to Patagonia.",
    "Which medicine do I take?": "I take a small dose of thyroxine every morning.",
    "What colour did I paint the kitchen?": "I painted the kitchen in dark green.",
    "What frightens me?": "I am frightened of deep water since I was a child.",
}
chatter = [
    "My sister is allergic to bees, and nuts make my father cough.",
    "My neighbour's cat is called Pickle and the dog is called Mustard.",
    "My cousin has an exam in law on the 11th of June.",
    "My friend pays 900 euros of rent for a smaller flat.",
    "My father painted the hall in yellow and the bathroom in blue.",
    "My brother is frightened of spiders, and of the medicine he must take.",
    "My aunt is saving money for a violin and a job in the south.",
]
statements = list(asked.values())
script = []
for number in range(40):
    turn, rest = divmod(number, 3)
    script.append(statements[turn] if rest == 0 and turn < 12 else chatter[number % len(chatter)])
len(script), script[:4]

# %% [markdown]
# ## One measurement


# %%
async def measure(**changed):
    """Talk, then ask each question in a new thread; return recall and tokens."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            openai_api_key=None,
            openai_base_url=None,
            chat_model=None,
            memory_model=None,
            embeddings="wordllama",
            redis_url=None,
            chroma_url=None,
            postgres_url=None,
            borrowed_turns=0,  # recall alone is measured, not what a new thread borrows
            **changed,
        )
        async with open_parts(settings) as parts:
            graph = build(parts).compile(checkpointer=parts.stores.checkpointer)

            async def say(thread, text):
                config = {"configurable": {"thread_id": thread}}
                message = {"messages": [HumanMessage(text)]}
                run = graph.astream(message, config, context=ChatContext(), stream_mode="updates")
                updates = [update async for update in run]
                return next(
                    update["assemble_context"]["prompt"]
                    for update in updates
                    if "assemble_context" in update
                )

            spent = [(await say("talk", text)).budget for text in script]
            prompts = {q: await say(f"ask {n}", q) for n, q in enumerate(asked)}
    shown = {q: " ".join(m.text for m in prompt.messages) for q, prompt in prompts.items()}
    return {
        "recall": sum(asked[q] in text for q, text in shown.items()) / len(asked),
        "recalled tokens": sum(p.budget["memories"] for p in prompts.values()) / len(asked),
        "prompt of a turn": sum(b["total"] - b["reply_reserve"] for b in spent) / len(spent),
    }


await measure()

# %% [markdown]
# ## How large a prompt may be
#
# A tier's `context_budget`, here `MNEMO_PLUS__CONTEXT_BUDGET`, of which a part is kept for the
# reply. Recall takes its share of it (`MNEMO_MEMORY_SHARE`) and what the last turns leave of theirs
# (`MNEMO_FOLD_AT`). With too little the answer is not there; from some size on it
# is, and more only costs. Between them it may dip, as here at 900: this talk says its small talk
# several times word for word, and a little more room takes another repeat before the answer.

# %%
budgets = [600, 700, 800, 900, 1100, 1500]
by_budget = [await measure(plus={"context_budget": budget}) for budget in budgets]
for budget, result in zip(budgets, by_budget, strict=True):
    print(budget, {name: round(value, 2) for name, value in result.items()})

# %% [markdown]
# ## When to fold
#
# `MNEMO_FOLD_TURNS`: how many turns wait in the journal before the older half becomes an episode. A
# later fold keeps more of a conversation word for word in each prompt, and each prompt dearer.

# %%
turns = [4, 8, 12, 24]
by_fold = [await measure(fold_turns=count) for count in turns]
for count, result in zip(turns, by_fold, strict=True):
    print(count, {name: round(value, 2) for name, value in result.items()})

# %% [markdown]
# ## Side by side

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(9, 3))
for axis, values, results, cost, label in (
    (axes[0], budgets, by_budget, "recalled tokens", "context_budget"),
    (axes[1], turns, by_fold, "prompt of a turn", "fold_turns"),
):
    axis.plot(values, [result["recall"] for result in results], "o-", label="recall")
    axis.set(xlabel=label, ylabel="recall", ylim=(0, 1.05))
    tokens = axis.twinx()
    tokens.plot(values, [result[cost] for result in results], "s--", color="tab:orange")
    tokens.set(ylabel=cost)
figure.tight_layout()
plt.show()

# %% [markdown]
# What you choose goes into the environment or `.env` (`MNEMO_PLUS__CONTEXT_BUDGET=3000`,
# `MNEMO_FOLD_TURNS=8`).

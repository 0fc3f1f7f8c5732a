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
# # Measure recall on your own data
#
# Whether memory works for your users is a question about their talk, not about ours. Write a few
# conversations and questions down in the form of the LoCoMo benchmark, and `mnemo eval` tells how
# often the message that answers is found, beside simple ways of remembering.

# %%
import json
import subprocess
import sys
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## The form
#
# A conversation has sessions with a date; each utterance an id (`D` session `:` number), a speaker
# and a text. A question names its answer, its evidence by id and its category (1 multi-hop,
# 2 temporal, 3 open-domain, 4 single-hop).

# %%
sessions = {
    "9:10 am on 4 March, 2026": [
        ("Nadia", "I finally signed the lease, we move to Porto on the first of May."),
        ("Tomas", "Congratulations! Is the piano coming with you?"),
        ("Nadia", "No, it goes to my cousin Rui. The stairs are far too narrow."),
        ("Tomas", "I started a pottery course, by the way. Thursday evenings."),
        ("Nadia", "Lovely. I still have the blue bowl from your first try."),
    ],
    "7:45 pm on 20 March, 2026": [
        ("Tomas", "My kiln exploded. Well, one shelf of it."),
        ("Nadia", "Oh no. Did the vase for your mother survive?"),
        ("Tomas", "It did, but eleven cups did not."),
        ("Nadia", "I was at the doctor: I must not eat shellfish any more."),
        ("Tomas", "In Porto of all places. What will you live on?"),
    ],
    "12:05 pm on 2 May, 2026": [
        ("Nadia", "We are here. The flat smells of paint and oranges."),
        ("Tomas", "Send a picture! And how is the new job?"),
        ("Nadia", "I start on Monday, in the archive of the city."),
        ("Tomas", "I sold my first set of cups, to a restaurant in Braga."),
        ("Nadia", "Then you must visit, it is forty minutes by train."),
    ],
}
questions = [
    ("Who got Nadia's piano?", "her cousin Rui", ["D1:3"], 4),
    ("When did Nadia move to Porto?", "1 May 2026", ["D1:1"], 2),
    ("What must Nadia not eat?", "shellfish", ["D2:4"], 4),
    ("How many cups did Tomas lose when the kiln exploded?", "eleven", ["D2:3"], 4),
    ("Where does Nadia work now?", "in the archive of the city", ["D3:3"], 4),
    ("Who bought cups that Tomas made?", "a restaurant in Braga", ["D3:4"], 4),
    ("On which evenings is the pottery course?", "Thursdays", ["D1:4"], 4),
]
data = {"sample_id": "porto", "speaker_a": "Nadia", "speaker_b": "Tomas", "qa": []}
for number, (date, said) in enumerate(sessions.items(), start=1):
    data[f"session_{number}_date_time"] = date
    data[f"session_{number}"] = [
        {"speaker": speaker, "dia_id": f"D{number}:{turn}", "text": text}
        for turn, (speaker, text) in enumerate(said, start=1)
    ]
for question, answer, evidence, category in questions:
    data["qa"].append(
        {"question": question, "answer": answer, "evidence": evidence, "category": category}
    )
(folder / "porto.json").write_text(json.dumps(data, indent=1))

# %% [markdown]
# ## The measurement
#
# `--offline` has the built-in model fold and extract; with a model in the environment leave it
# away. `--budget` is how many tokens of recalled text a question may have: as few as here, that
# not everything fits. `--dump` writes what was recalled for each question.

# %%
dump = folder / "recalled.jsonl"


def measure(budget):
    """Run `mnemo eval locomo` on the folder; return its report."""
    command = [
        str(Path(sys.executable).with_name("mnemo")),
        "eval",
        "locomo",
        str(folder),
        "--offline",
    ]
    command += ["--budget", str(budget), "--embeddings", "wordllama", "--json"]
    command += ["--dump", str(dump)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


report = measure(80)
print(json.dumps(report, indent=1)[:2000])

# %% [markdown]
# ## What was found for each question

# %%
evidence_text = {each["dia_id"]: each["text"] for n in (1, 2, 3) for each in data[f"session_{n}"]}
for line, (question, _, evidence, _) in zip(dump.read_text().splitlines(), questions, strict=True):
    context = json.loads(line)["context"]
    right = all(evidence_text[id] in context for id in evidence)
    print("found " if right else "missed", question)

# %% [markdown]
# ## Recall against tokens

# %%
import matplotlib.pyplot as plt

budgets = [20, 40, 80, 160]
found = []
for budget in budgets:
    measure(budget)
    contexts = [json.loads(line)["context"] for line in dump.read_text().splitlines()]
    right = [
        all(evidence_text[id] in context for id in evidence)
        for context, (_, _, evidence, _) in zip(contexts, questions, strict=True)
    ]
    found.append(sum(right) / len(right))
plt.figure(figsize=(6, 2.8))
plt.plot(budgets, found, "o-")
plt.xlabel("tokens of recalled text")
plt.ylabel("evidence found")
plt.ylim(0, 1.05)
plt.show()

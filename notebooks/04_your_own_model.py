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
# # Your own model
#
# Any chat model with an OpenAI-compatible endpoint will do: hosted, or Ollama, llama.cpp, vLLM, LM
# Studio at home. With `OPENAI_BASE_URL` (and `MNEMO_CHAT_MODEL`) in the environment this notebook
# talks to yours. Without, it starts a small stand-in on this machine, so that everything here runs
# anywhere: it answers as a server would and understands nothing.

# %%
import json
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

requests = []  # what the stand-in was asked


class StandIn(BaseHTTPRequestHandler):
    """Answers chat completions, whole or streamed."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        requests.append(asked)
        text = "I see. (This is the stand-in: set OPENAI_BASE_URL to talk to a model.)"
        if not asked.get("stream"):
            body = {"choices": [{"index": 0, "finish_reason": "stop",
                                 "message": {"role": "assistant", "content": text}}]}  # fmt: skip
            kind, data = "application/json", json.dumps(body)
        else:
            part = {"choices": [{"index": 0, "finish_reason": None,
                                 "delta": {"role": "assistant", "content": text}}]}  # fmt: skip
            end = {"choices": [{"index": 0, "finish_reason": "stop", "delta": {}}]}
            kind = "text/event-stream"
            data = "".join(f"data: {json.dumps(each)}\n\n" for each in (part, end))
            data += "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data.encode())))
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, *_):
        """Say nothing."""


base_url = os.environ.get("OPENAI_BASE_URL")
if not base_url:
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base_url = f"http://127.0.0.1:{server.server_port}/v1"

# %% [markdown]
# ## The settings
#
# One address and one name. A smaller model can do the memory work (`memory_model`), and
# `context_window` says how much a model at home reads at once; unset, it is learned from the
# server's first refusal.

# %%
from settings import Settings

scratch = tempfile.TemporaryDirectory()
settings = Settings(
    data_dir=Path(scratch.name),
    openai_base_url=base_url,
    openai_api_key=os.environ.get("OPENAI_API_KEY", "none-needed"),
    chat_model=os.environ.get("MNEMO_CHAT_MODEL", "stand-in"),
    memory_model=os.environ.get("MNEMO_MEMORY_MODEL"),
    embeddings="wordllama",
    redis_url=None,
    chroma_url=None,
    postgres_url=None,
    borrowed_turns=0,  # a new thread shows no end of the last one: recall has to find it
)

# %% [markdown]
# ## A conversation

# %%
from contextlib import AsyncExitStack

from domain.owner import Owner
from graph.parts import open_parts
from service.conversation import Conversation

stack = AsyncExitStack()
parts = await stack.enter_async_context(open_parts(settings))
conversation = Conversation(parts)
alex = Owner("alex", "companion")


async def say(text, thread="monday"):
    """Run a turn and return its report."""
    events = [event async for event in conversation.turn(alex, thread, text)]
    return events[-1].report


for text in (
    "My name is Alex and I am allergic to peanuts.",
    "I live in Ghent with my sister Anna.",
    "Anna plays the cello.",
    "I work in the botanical garden.",
):
    report = await say(text)
    print(">", text)
    print(report.error or report.reply)
    for note in report.degraded:
        print("  note:", note)

# %% [markdown]
# The notes are what the memory had to do without: the stand-in cannot fill in a form, so the user's
# own sentences are kept as facts. A real model says what they mean.
#
# ## Does it remember?

# %%
report = await say("What must I not eat?", thread="tuesday")
print(report.error or report.reply)
for item in report.recalled:
    print(f"{item.score:5.2f} {item.kind:8} {item.text}")

# %% [markdown]
# ## What the server was asked
#
# Roles alternate, so that strict chat templates take it; `max_tokens` bounds the reply.

# %%
if requests:
    chat = [asked for asked in requests if asked.get("stream") and "response_format" not in asked]
    print("max_tokens:", chat[-1].get("max_tokens") or chat[-1].get("max_completion_tokens"))
    for message in chat[-1]["messages"]:
        print(f"--- {message['role']}\n{message['content']}\n")

# %%
await stack.aclose()
scratch.cleanup()

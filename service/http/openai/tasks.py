"""What a front end asks for itself: titles, tags, questions. Nothing of it is remembered."""

import re
import time
from collections.abc import Sequence

from fastapi.responses import JSONResponse, Response, StreamingResponse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from domain.owner import Owner
from models.provider.calls import as_model_errors
from service.http.openai.messages import (
    NO_CACHE,
    CompletionRequest,
    Message,
    Usage,
    chunk,
    completion,
    event_of,
    new_id,
)
from service.serving import Serving
from service.usage.accounting import charge
from service.usage.ledger import Spent

_TASK = re.compile(r"(?<!\s)\s*#{1,3} Task:\n")
"""How the prompts begin by which Open WebUI asks for them."""
_TITLE = re.compile(r"Provide a [^\n]*\btitle\b[^\n]*\n\nConversation:\n")
"""How the prompt begins by which LibreChat asks for a title."""
_CHECKPOINT = re.compile(
    r"Hold on\b[^\n]*\b(?:checkpoint\b[^\n]*\. Your context window|your existing checkpoint)\b"
)
"""How those begin by which it asks, after a history, for a summary of what no longer fits."""
_SOURCES, _HISTORY = "<context>", "<chat_history>"
"""What holds what it found for its user's question, and what it asks about for itself."""


def is_task(messages: Sequence[Message], *, of_librechat: bool) -> bool:
    """Return whether a front end asks, rather than its user.

    What it found in a file or on the web stands before its user's question, and begins the same.
    """
    if of_librechat and _CHECKPOINT.match(messages[-1].text):
        return True
    if len(messages) != 1:
        return False
    text = messages[0].text
    if not _TASK.match(text):
        return of_librechat and _TITLE.match(text) is not None
    head, found, _ = text.partition(_SOURCES)
    return not found or _HISTORY in head


async def answer_task(
    served: Serving, owner: Owner, tier: str | None, asked: CompletionRequest
) -> Response:
    """Answer a front end's own request, at its user's cost.

    Raises:
        LimitExceeded: If the user's day has no tokens left.
        ModelError: If the model gives no answer.
        StoreUnavailable: If limits are counted in a Redis that does not answer.
    """
    parts, limits = served.parts, served.limits
    tier = parts.settings.tier_name(tier, owner.character_id)
    await limits.check_day(owner.user_id, tier)
    model, tokens = parts.models.of(asked.model), parts.models.tokens
    prompt = [_as_chat(message) for message in asked.messages]
    async with served.turns:
        with as_model_errors():
            reply = await model.model.ainvoke(prompt)
    read, wrote = sum(tokens.text(m.text) for m in asked.messages), tokens.text(reply.text)
    await charge(parts, limits, owner, tier, [Spent("reply", model.name, read, wrote)])
    usage = Usage(prompt_tokens=read, completion_tokens=wrote, total_tokens=read + wrote)
    id, at = new_id(), int(time.time())
    if not asked.stream:
        return JSONResponse(completion(id, asked.model, at, reply.text, usage))
    events = [
        event_of(chunk(id, asked.model, at, {"role": "assistant", "content": reply.text})),
        event_of(chunk(id, asked.model, at, {}, "stop")),
        "data: [DONE]\n\n",
    ]
    return StreamingResponse(iter(events), media_type="text/event-stream", headers=NO_CACHE)


def _as_chat(message: Message) -> BaseMessage:
    if message.role == "assistant":
        return AIMessage(message.text)
    return (HumanMessage if message.role == "user" else SystemMessage)(message.text)

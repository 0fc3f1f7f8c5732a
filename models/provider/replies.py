"""Whether a complete reply, streamed or not, is one to use. Nothing here calls a model."""

import re

from langchain_core.messages import AIMessage, BaseMessage

from models.errors import ContentFiltered, ContextTooLong, CutReply, EmptyReply
from models.provider.reply_text import REASONING

_WITHHELD = re.compile(
    "filter|safety|sensitive|refusal|recitation|prohibited|blocklist|guardrail|toxic|spii", re.I
)
_BROKEN = re.compile("error|abort|cancel|timeout|overload|insufficient", re.I)
"""How providers name why an answer ended that is none; other words end a whole one."""
_CUT = re.compile("length|max_|window", re.I)
"""How they say that it ended at a bound: of the reply, or of what the model reads and writes."""


def check_reply(message: BaseMessage) -> None:
    """Make sure that a complete reply, streamed or not, says something.

    A reply with text that ran into its length limit passes; see `was_cut`.

    Raises:
        ContentFiltered: If the provider or the model withheld it.
        ContextTooLong: If the prompt left no room for one.
        CutReply: If it ended before the reply did, or at its bound before the first word.
        EmptyReply: If there is neither text nor a tool call.
    """
    reason = finish_reason(message)
    if _WITHHELD.search(reason) or message.additional_kwargs.get("refusal"):
        raise ContentFiltered()
    calls = isinstance(message, AIMessage) and bool(message.tool_calls)
    nameless = not reason and message.response_metadata.get("model_provider") == "openai"
    if nameless or _BROKEN.search(reason):
        raise CutReply(
            "The model's answer broke off in the middle; your message is kept, send it again or "
            "try later."
        )
    if not calls and not any(c.isprintable() and not c.isspace() for c in message.text):
        if "window" in reason.casefold():
            raise ContextTooLong(
                "The prompt leaves this model no room for a reply: set MNEMO_CONTEXT_WINDOW to "
                "what it reads, or give it a larger context."
            )
        if was_cut(message):
            raise CutReply(
                "The model used up its length limit before saying anything: raise the limit "
                "or choose a model that thinks less."
            )
        if message.additional_kwargs.get(REASONING):
            raise EmptyReply(
                "The model only thought aloud and gave no reply; your message is kept, send it "
                "again, or turn its thinking off."
            )
        raise EmptyReply(
            "The model answered with nothing; your message is kept, send it again or try later."
        )


def was_cut(message: BaseMessage) -> bool:
    """Return whether a reply ended at its length limit rather than by itself."""
    return _CUT.search(finish_reason(message)) is not None


def finish_reason(message: BaseMessage) -> str:
    """Return why the model stopped, in the provider's word; empty where none was given."""
    said = message.response_metadata
    details = said.get("incomplete_details") or {}
    for reason in (
        said.get("finish_reason"),
        said.get("stop_reason"),
        details.get("reason") if isinstance(details, dict) else None,
        said.get("status"),
    ):
        if reason:
            return str(reason)
    return ""

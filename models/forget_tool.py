"""The tool by which a model forgets what a person asks it to: its name, its form, its answers."""

from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field

FORGET_MEMORY = "forget_memory"
FORGOTTEN = (
    "Forgotten from the next message on, with their request. Say so in a few words, without "
    "repeating what it was."
)
NOT_FOUND = (
    "Nothing that is remembered says that in these words. Try once more in the words it was said "
    "in, or say that you found nothing: they can delete it where their memory is shown."
)
LATER = "Memory does not answer now: say that they may have to ask for it once more."
NO_MORE = "Nothing more this time: answer now."


class ForgetMemory(BaseModel):
    """Forget what this person now asks you to forget, or takes back ("that was a joke")."""

    what: str = Field(
        description="The statement to forget, in the words and language in which it was said. "
        'Empty for what they said last; "what I said yesterday" for all that was said then.'
    )


_TOOL = convert_to_openai_tool(ForgetMemory)
TOOL: dict[str, Any] = {**_TOOL, "function": {**_TOOL["function"], "name": FORGET_MEMORY}}

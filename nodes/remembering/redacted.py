"""What the memory model is shown of turns: their words, without secrets."""

import asyncio
from collections.abc import Sequence

from domain.records import Turn
from domain.redaction import redact_turn
from nodes.state import Parts


async def redacted(parts: Parts, turns: Sequence[Turn]) -> list[Turn]:
    """Return turns without the secrets in them, unless the settings show all."""
    if not parts.settings.redact_secrets:
        return list(turns)
    personal = parts.settings.redact_personal

    def without_secrets() -> list[Turn]:
        return [redact_turn(turn, personal=personal) for turn in turns]

    return await asyncio.to_thread(without_secrets)  # Long messages take a while.

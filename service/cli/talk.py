"""Who talks with whom on the command line, and what every turn of theirs is told."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.owner import Owner
    from service.conversation import Conversation
    from service.turn_report import Event


@dataclass(frozen=True)
class Talk:
    """One conversation, with what was asked for beside its messages."""

    owner: "Owner"
    thread: str
    persona: str | None = None
    tier: str | None = None
    as_of: str | None = None
    timezone: str | None = None

    def turn(self, conversation: "Conversation", message: str) -> "AsyncGenerator[Event, None]":
        """Return the events of one turn."""
        return conversation.turn(
            self.owner,
            self.thread,
            message,
            persona=self.persona,
            tier=self.tier,
            as_of=self.as_of,
            timezone=self.timezone,
        )

"""What every export is read into: chats as trees of messages, and single facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["chatgpt", "claude", "messages", "facts"]


class FileRefused(ValueError):
    """A file cannot be read as what it is said to be; the text is one sentence with the place."""


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    id: str
    parent: str | None
    """The message before it; None for a first one."""
    role: str
    """`user` or `assistant`."""
    text: str
    at: datetime
    """When it was said; where that is not told, as the message before it."""
    name: str | None = None
    """Who of several people says it."""


@dataclass(frozen=True)
class Chat:
    """One conversation; edits and regenerations make it a tree."""

    id: str
    """The same for the same chat, however often it is exported."""
    messages: Mapping[str, Message] = field(default_factory=dict)
    """By id, each after its parent."""
    last: str | None = None
    """The end of the branch that its user saw last; None: the newest message."""
    by_place: bool = False
    """Whether earlier versions knew its messages by their places, since they have no ids."""


@dataclass(frozen=True)
class Statement:
    """A fact that another memory held."""

    text: str
    at: datetime
    dated: bool = False
    """Whether its own record says when."""


@dataclass(frozen=True)
class Imported:
    """What a file holds, oldest first."""

    chats: list[Chat] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """The places of records that tell nothing."""

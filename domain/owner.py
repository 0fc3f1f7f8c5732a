"""Who a memory belongs to, and how that becomes keys and namespaces.

Ids a user chose never become part of a key: both are digested once, here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from domain.json_text import read_json

FIRST_GENERATION = "first"
"""How the generation before any reset is written where a label must not be empty."""
LOCAL_USER = "local"
"""Who talks where nothing says who."""
DEFAULT_CHARACTER = "default"


def digest(text: str) -> str:
    """Return a 32-character hex digest of any text, also of lone surrogates."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Owner:
    """A person talking with one character: everything remembered belongs to one owner.

    Ids are compared exactly: case, Unicode form and surrounding space all count.
    """

    user_id: str
    character_id: str = DEFAULT_CHARACTER

    def __post_init__(self) -> None:
        """Refuse empty ids.

        Raises:
            ValueError: If either id is empty.
        """
        if not self.user_id or not self.character_id:
            raise ValueError("user_id and character_id must not be empty: give each a name.")

    @cached_property
    def user_key(self) -> str:
        """The user's digest: 32 hex characters."""
        return digest(self.user_id)

    @cached_property
    def character_key(self) -> str:
        """The character's digest: 32 hex characters."""
        return digest(self.character_id)

    @cached_property
    def key(self) -> str:
        """Both digests, `user-character`: the owner in every key, cache and trace."""
        return f"{self.user_key}-{self.character_key}"

    def namespace(self, generation: str | None, *kind: str) -> tuple[str, ...]:
        """Return the store namespace of one generation of this owner, and of a kind in it."""
        return (self.user_key, self.character_key, generation or FIRST_GENERATION, *kind)


@dataclass(frozen=True)
class NamelessOwner(Owner):
    """An owner of whose character only the digest is left: it stands in place of the id."""

    @cached_property
    def character_key(self) -> str:
        """The character's digest."""
        return self.character_id


def owner_of_run(runtime: Any, given: Mapping[str, Any]) -> Owner:
    """Return who talks with whom in a run of the graph: the authenticated user, where there is one.

    Args:
        runtime: LangGraph's runtime of the run: its context and, on a server, who asks.
        given: The run's own input or state, for callers that can give no context.

    Raises:
        ValueError: If an id is empty.
    """
    user = runtime.server_info.user if runtime.server_info else None
    context = runtime.context
    if user is not None and user.is_authenticated and user.identity:
        user_id = str(user.identity)  # A cron has none where nobody is asked for a token.
    else:
        user_id = given.get("user_id") or (context.user_id if context else LOCAL_USER)
    character = context.character_id if context else DEFAULT_CHARACTER
    return Owner(user_id, given.get("character_id") or character)


@dataclass(frozen=True)
class Holder:
    """Whom a thread belongs to, and under which generation that was written."""

    owner: Owner
    generation: str = ""
    """Its name; "" where an older version wrote it."""

    def to_json(self) -> str:
        """Return it as JSON, which also carries lone surrogates."""
        ids = [self.owner.user_id, self.owner.character_id]
        return json.dumps([*ids, self.generation] if self.generation else ids)

    @classmethod
    def from_json(cls, text: str) -> "Holder | None":
        """Return what `to_json` wrote; None where something else is written."""
        try:
            ids = read_json(text)
        except ValueError:
            return None
        texts = isinstance(ids, list) and all(isinstance(id, str) and id for id in ids)
        if not texts or len(ids) not in (2, 3):
            return None
        return cls(Owner(*ids[:2]), *ids[2:])


def owner_to_json(owner: Owner) -> str:
    """Return the readable ids as JSON, which also carries lone surrogates."""
    return Holder(owner).to_json()


def owners_in(stored: Mapping[str, str]) -> list[Owner]:
    """Return the owners that are listed by their keys, without what something else wrote."""
    return [owner for key, text in stored.items() if (owner := listed_owner(key, text))]


def listed_owner(key: str, text: str) -> Owner | None:
    """Return the owner whose ids `owner_to_json` wrote under a key; None where they are no such."""
    holder = Holder.from_json(text)
    return holder.owner if holder is not None and holder.owner.key == key else None

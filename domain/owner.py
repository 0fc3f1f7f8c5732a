"""Who a memory belongs to, and how that becomes keys and namespaces.

Ids a user chose never become part of a key: both are digested once, here.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from domain.json_text import read_json

FIRST_GENERATION = "first"
"""How the generation before any reset is written where a label must not be empty."""


def digest(text: str) -> str:
    """Return a 32-character hex digest of any text, also of lone surrogates."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Owner:
    """A person talking with one character: everything remembered belongs to one owner.

    Ids are compared exactly: case, Unicode form and surrounding space all count.
    """

    user_id: str
    character_id: str = "default"

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


def owner_to_json(owner: Owner) -> str:
    """Return the readable ids as JSON, which also carries lone surrogates."""
    return json.dumps([owner.user_id, owner.character_id])


def owner_from_json(text: str) -> Owner | None:
    """Return the owner whose ids `owner_to_json` wrote; None where something else is written."""
    try:
        ids = read_json(text)
    except ValueError:
        return None
    whole = isinstance(ids, list) and len(ids) == 2 and all(isinstance(i, str) and i for i in ids)
    return Owner(*ids) if whole else None


def owners_in(stored: Iterable[str]) -> list[Owner]:
    """Return the owners whose ids `owner_to_json` wrote, without what something else wrote."""
    return [owner for text in stored if (owner := owner_from_json(text)) is not None]

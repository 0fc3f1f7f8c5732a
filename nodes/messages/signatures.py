"""Signs the stamps on messages, so that this installation recognises its own."""

import hmac
import json
from typing import TypeVar

from langchain_core.messages import BaseMessage

M = TypeVar("M", bound=BaseMessage)

STAMP = "mnemo"
"""The key in a message's `additional_kwargs`; it never reaches a provider."""
DIGEST = "digest"
"""The key in a stamp of what proves that it is ours."""
_JSON = json.JSONEncoder(sort_keys=True)


class Signatures:
    """Signs what messages of one generation of one owner carry, and checks it."""

    def __init__(self, key: bytes, owner: str, generation: str | None) -> None:
        """Sign with the installation's `key` for the owner of this key, in this generation."""
        self._key, self._owner, self._generation = key, owner, generation

    def sign(self, message: M) -> M:
        """Return a stamped message with the digest of its stamp and of what it says."""
        stamp = {**message.additional_kwargs[STAMP], DIGEST: self._digest(message)}
        kwargs = {**message.additional_kwargs, STAMP: stamp}
        return message.model_copy(update={"additional_kwargs": kwargs})

    def valid(self, message: BaseMessage) -> bool:
        """Return whether a message is one that was signed here, and is unchanged."""
        stamp = message.additional_kwargs.get(STAMP)
        digest = stamp.get(DIGEST) if isinstance(stamp, dict) else None
        if not isinstance(digest, str) or not digest.isascii():
            return False
        try:
            return hmac.compare_digest(digest, self._digest(message))
        except (TypeError, ValueError, RecursionError):
            return False  # Only what we never write cannot be digested.

    def _digest(self, message: BaseMessage) -> str:
        stamp = dict(message.additional_kwargs[STAMP])
        stamp.pop(DIGEST, None)
        said = [message.type, message.id, message.name, message.text]
        signed = _JSON.encode([self._owner, self._generation, stamp, said])
        return hmac.digest(self._key, b"stamp:" + signed.encode(), "sha256").hex()

"""Parts of a message that are no text: images, sound, files. Pure.

A model gets them in the turn they came with; whatever is remembered holds a short note instead.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from langchain_core.messages import BaseMessage

_KINDS = {"image": "image", "audio": "audio", "video": "video", "file": "file", "document": "file"}
"""What the type of a part says, and what its note calls it."""


def has_parts(message: BaseMessage) -> bool:
    """Return whether a message holds more than text."""
    return isinstance(message.content, list) and any(map(is_part, message.content))


def is_part(block: str | dict[str, Any]) -> bool:
    """Return whether a block of a message is an image, a sound, a file or a film."""
    return isinstance(block, dict) and _kind(block) is not None


def text_of(content: str | Sequence[str | dict[str, Any]]) -> str:
    """Return what a message says, with a note such as `[image: cat.png]` where each part stands."""
    if isinstance(content, str):
        return content
    lines = [
        block if isinstance(block, str) else str(block.get("text") or note(block))
        for block in content
    ]
    return "\n".join(line for line in lines if line)


def as_text(message: BaseMessage) -> BaseMessage:
    """Return a message with notes in place of its parts; itself where it is text."""
    if isinstance(message.content, str):
        return message
    return message.model_copy(update={"content": text_of(message.content)})


def note(block: dict[str, Any]) -> str:
    """Return the note for a part; nothing for a block that is none."""
    kind, name = _kind(block), _name(block)
    return (f"[{kind}: {name}]" if name else f"[{kind}]") if kind else ""


def _kind(block: dict[str, Any]) -> str | None:
    said = block.get("type")
    if said == "media":
        said = block.get("mime_type")
    named = (kind for word, kind in _KINDS.items() if isinstance(said, str) and word in said)
    return next(named, None)


def _name(block: dict[str, Any]) -> str:
    """Return what a part is called: its file name, else its kind; nothing where it does not say."""
    inner = next((v for k, v in block.items() if k != "type" and isinstance(v, dict)), {})
    for place in (block, inner):
        for key in ("filename", "file_name", "name", "title"):
            if isinstance(place.get(key), str) and place[key].strip():
                return _line(place[key])
    for place in (block, inner):
        url = place.get("url") or place.get("image_url")
        if isinstance(url, str) and url.startswith("http") and (name := _last_of(url)):
            return _line(name)
    said = (place.get(key) for place in (block, inner) for key in ("mime_type", "media_type"))
    kind = next((kind for kind in (*said, inner.get("format")) if isinstance(kind, str)), "")
    return _line(kind)


def _last_of(url: str) -> str:
    """Return the last part of a URL that says something."""
    try:
        return urlsplit(url).path.rpartition("/")[2] or urlsplit(url).netloc
    except ValueError:
        return ""


def _line(text: str) -> str:
    return " ".join(text.replace("[", "(").replace("]", ")").split())[:80]

"""What other programs export, read into one shape: chats as trees of messages, and single facts.

Everything in such a file is a stranger's: what is not as it should be is refused with its place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from domain.clean_text import clean, clean_name
from domain.json_text import read_json
from domain.owner import digest
from service.importing.values import attributes_of, inner, is_dict, moment_of, texts_of

Kind = Literal["chatgpt", "claude", "messages", "facts"]
ROLES = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant"}
"""What exports call the two who talk; everybody else (system, tools) is left out."""


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


def read_file(kind: Kind, file: Path, now: datetime) -> Imported:
    """Return what a file holds.

    Raises:
        FileRefused: If it is not such a file.
        OSError: If it cannot be read.
    """
    records = _records(file)
    if kind == "facts":
        return _facts(_listed(records), now)
    readers: dict[str, Callable[[Iterable[tuple[str, Any]], datetime], Iterator[Chat]]] = {
        "chatgpt": _chatgpt,
        "claude": _claude,
        "messages": _messages,
    }
    chats = [chat for chat in readers[kind](_listed(records), now) if chat.messages]
    return Imported(chats=sorted(chats, key=lambda chat: min(m.at for m in chat.messages.values())))


def _records(file: Path) -> Any:
    """Return a file's JSON; its lines where each holds a value of its own."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"{file.name} is no text in UTF-8: an archive is to be unpacked first."
        ) from error
    try:
        return read_json(text)
    except ValueError:
        pass
    values = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                values.append(read_json(line))
            except ValueError as error:
                raise FileRefused(f"Line {number} of {file.name} is not JSON.") from error
    return values


def _listed(records: Any) -> Iterator[tuple[str, Any]]:
    """Yield the records of a file with their places, out of what wraps them."""
    if isinstance(records, dict):
        wraps = (name for name in ("results", "memories", "conversations") if name in records)
        records = next((records[name] for name in wraps), [records])
    if not isinstance(records, list):
        raise FileRefused("The file holds no list of records.")
    for number, record in enumerate(records, 1):
        yield f"record {number}", record


def _chatgpt(records: Iterable[tuple[str, Any]], now: datetime) -> Iterator[Chat]:
    """Yield ChatGPT's conversations: each a mapping of nodes with parents."""
    for place, record in records:
        nodes = _part(record, "mapping", dict, place)
        parents = {id: node.get("parent") for id, node in nodes.items() if is_dict(node)}
        begun = moment_of(record.get("create_time"), now)
        messages: dict[str, Message] = {}
        for id in _from_the_root(parents):
            message = nodes[id].get("message")
            role = ROLES.get(str(inner(message, "author", "role")))
            text = texts_of(inner(message, "content", "parts")) if _shown(message) else ""
            if role and text.strip():
                parent = _kept(parents, parents[id], messages)
                at = moment_of(message.get("create_time"), messages[parent].at if parent else begun)
                messages[id] = Message(id, parent, role, text, at)
        last = _kept(parents, record.get("current_node"), messages)
        id = record.get("conversation_id") or record.get("id") or place
        yield Chat(f"chatgpt:{id}", messages, last)


def _shown(message: Any) -> bool:
    """Whether a message of ChatGPT's is said to its user, not to a tool and not hidden."""
    hidden = inner(message, "metadata", "is_visually_hidden_from_conversation")
    return inner(message, "recipient") in (None, "all") and hidden is not True


def _from_the_root(parents: Mapping[str, Any]) -> list[str]:
    """Return the ids of messages, each after its parent; those of circles are left out."""
    children: dict[str | None, list[str]] = {}
    for id, parent in parents.items():
        in_file = isinstance(parent, str) and parent in parents
        children.setdefault(parent if in_file else None, []).append(id)
    ordered = list(children.get(None, ()))
    for id in ordered:
        ordered.extend(children.get(id, ()))
    return ordered


def _kept(parents: Mapping[str, Any], id: Any, kept: Mapping[str, Message]) -> str | None:
    """Return the nearest message that is kept, from one upwards."""
    seen: set[str] = set()
    while isinstance(id, str) and id not in seen:
        if id in kept:
            return id
        seen.add(id)
        id = parents.get(id)
    return None


def _claude(records: Iterable[tuple[str, Any]], now: datetime) -> Iterator[Chat]:
    """Yield Claude's conversations: lists of messages, with parents in newer exports."""
    for place, record in records:
        listed = _part(record, "chat_messages", list, place)
        items: dict[str, Any] = {}
        for number, item in enumerate(listed):
            if is_dict(item):
                id = str(item.get("uuid") or number)
                items[id if id not in items else f"{id} {number}"] = item
        before = dict(pairwise(reversed(items)))
        parents = {
            id: item.get("parent_message_uuid", before.get(id)) for id, item in items.items()
        }
        begun = moment_of(record.get("created_at"), now)
        messages: dict[str, Message] = {}
        for id in _from_the_root(parents):
            item = items[id]
            role = ROLES.get(str(item.get("sender")))
            # The text beside the parts says of each call of a tool that it cannot be shown.
            text = texts_of(item.get("content")) or item.get("text")
            text = clean(text) if isinstance(text, str) else ""
            if role and text.strip():
                parent = _kept(parents, parents[id], messages)
                at = moment_of(item.get("created_at"), messages[parent].at if parent else begun)
                messages[id] = Message(id, parent, role, text, at)
        last = _kept(parents, record.get("current_leaf_message_uuid"), messages)
        yield Chat(f"claude:{record.get('uuid') or place}", messages, last)


def _messages(records: Iterable[tuple[str, Any]], now: datetime) -> Iterator[Chat]:
    """Yield chats of OpenAI's or LangChain's messages.

    A line is one message, or a chat with `messages`. Messages that name a `thread` (or
    `session_id`) belong to it; the others are one chat.
    """
    by_name: dict[str, dict[str, Message]] = {}
    for place, record in records:
        record = _inside(record)
        if isinstance(record, dict) and isinstance(record.get("messages"), list):
            messages: dict[str, Message] = {}
            for item in record["messages"]:
                _append(messages, item, place, now)
            first = "\n".join(message.text for message in messages.values())
            id = f"messages:{record.get('id') or digest(first)}"
            yield Chat(id, messages, by_place=True)
        else:
            name = record.get("thread") or record.get("session_id") if is_dict(record) else None
            _append(by_name.setdefault(str(name or ""), {}), record, place, now)
    for name, messages in by_name.items():
        first = next((message.text for message in messages.values()), "")
        yield Chat(f"messages:{name or digest(first)}", messages, by_place=True)


def _inside(record: Any) -> Any:
    """Return a record that a text holds, as the lines of a Redis list are written by tools."""
    try:
        return read_json(record) if isinstance(record, str) else record
    except ValueError:
        return record


def _append(messages: dict[str, Message], item: Any, place: str, now: datetime) -> None:
    if not is_dict(item):
        raise FileRefused(f"There is no message in {place}.")
    data = item.get("data") if isinstance(item.get("data"), dict) else item
    role = ROLES.get(str(item.get("role") or item.get("type") or data.get("type")))
    content = data.get("content")
    text = clean(content) if isinstance(content, str) else texts_of(content)
    if role is None or not text.strip():
        return
    before = next(reversed(messages.values()), None)
    when = next((item[n] for n in ("timestamp", "created_at", "at") if n in item), None)
    name = data.get("name") if role == "user" else None
    # Of all that was said before: another chat that begins alike, or goes on, is not passed over.
    id = digest(f"{before.id if before else ''}\n{role}\n{text}")
    messages[id] = Message(
        id=id,
        parent=before.id if before else None,
        role=role,
        text=text,
        at=moment_of(when, before.at if before else now),
        name=clean_name(name) or None if isinstance(name, str) else None,
    )


def _facts(records: Iterable[tuple[str, Any]], now: datetime) -> Imported:
    """Return the facts of another memory.

    Raises:
        FileRefused: If there are records, and a fact in none of them.
    """
    told = {place: _statements(record, now) for place, record in records}
    unread = [place for place, statements in told.items() if not statements]
    if unread and len(unread) == len(told):
        raise FileRefused(f"There is no fact in {unread[0]}: it needs a text.")
    every = [statement for statements in told.values() for statement in statements]
    return Imported(statements=sorted(every, key=lambda statement: statement.at), unread=unread)


def _statements(record: Any, now: datetime) -> list[Statement]:
    """Return a fact of mem0's or LangMem's, or those of a profile; none where it tells nothing."""
    if isinstance(record, str):
        record = {"text": record}
    if not is_dict(record):
        return []
    value = record.get("value") if isinstance(record.get("value"), dict) else record
    content = value.get("content", value.get("memory", value.get("text")))
    text = content.get("content") if isinstance(content, dict) else content
    profile = value if content is None and value is not record else content
    told = [text] if isinstance(text, str) else attributes_of(profile)
    when = record.get("updated_at") or record.get("created_at")
    at = moment_of(when, now)
    texts = filter(str.strip, map(clean, told))
    return [Statement(text, at, dated=at != now) for text in texts]


def _part(record: Any, name: str, kind: type, place: str) -> Any:
    value = record.get(name) if isinstance(record, dict) else None
    if value is None and is_dict(record) and name in record:
        return kind()  # Deleted: only its frame is left.
    if not isinstance(value, kind):
        raise FileRefused(f'There is no conversation in {place}: it has no "{name}".')
    return value

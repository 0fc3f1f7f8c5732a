"""The events of a streamed answer, as servers of every kind write them.

What is yielded is what the openai client reads: an event a line, an end that is named. Pure.
"""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from models.errors import MalformedReply
from models.provider.error_text import plain

_DONE = "[DONE]"
_FINISHED = re.compile(r'"finish_reason"\s*:\s*"\w')
_CHOICES = re.compile(r'"choices"\s*:\s*\[')
_LONGEST = 100_000
"""Characters of an answer that is no stream; a page of HTML has fewer, and a whole answer too."""


async def events(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the events of an answer of which `parts` come.

    A stream that only ends with `[DONE]` is given the reason why the model stopped. An answer that
    is no stream, though one was asked for, becomes one event; what holds no answer at all is an
    error with the server's words.

    Raises:
        MalformedReply: If what came is neither, such as the page of a proxy.
    """
    answered = finished = False
    name, data, last, other = "", "", "", ""
    async for line in _lines(parts):
        field, _, rest = line.partition(":")
        if field == "event":
            name = rest.strip()
        elif field == "data":
            data = f"{data} {rest.strip()}".strip()
        elif _is_object(line) and not other:
            data = line.strip()
        elif field not in ("", "id", "retry"):
            other = (other + line + "\n")[:_LONGEST]
        if data.startswith(_DONE):
            if answered and not finished:
                yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            if last and not answered:
                yield _event(_whole(last))
            yield _event(_DONE)
            return
        if data and (_is_json(data) or not line.strip()):
            failed = name == "error" and _is_object(data) and '"error"' not in data
            answered = answered or bool(_CHOICES.search(data))
            finished = finished or bool(_FINISHED.search(data))
            yield _event(f'{{"error": {data}}}' if failed else data)
            name, data, last = "", "", data
    if not answered and (other or data or last):
        yield _event(_whole(other or data or last))


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield lines as soon as they are whole; a character may come in two parts."""
    left: list[bytes] = []
    async for part in parts:
        left.append(part)
        if b"\n" in part or b"\r" in part:
            *lines, rest = re.split(rb"\r\n|\n|\r(?=.)", b"".join(left))
            left = [rest]
            for line in lines:
                yield line.decode("utf-8-sig", "replace")
    yield b"".join(left).decode("utf-8-sig", "replace")


def _is_object(text: str) -> bool:
    return text.lstrip().startswith("{") and text.rstrip().endswith("}")


def _is_json(text: str) -> bool:
    """Return whether a text is a whole object: the data of an event may come in several lines."""
    if not _is_object(text):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _event(data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"data: {text}\n\n".encode()


def _whole(text: str) -> Any:
    """Return the one event of an answer that is no stream."""
    try:
        answer = json.loads(text)
    except ValueError:
        said = " ".join(plain(text).split())[:100]
        raise MalformedReply(
            f"The model server's answer is not in the form that was asked for ({said}): is "
            "OPENAI_BASE_URL right?"
        ) from None
    known = isinstance(answer, dict) and (answer.get("choices") is not None or "error" in answer)
    return answer if known else {"error": answer}

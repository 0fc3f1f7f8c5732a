"""What providers call what goes wrong, translated into `ModelError`s here and nowhere else.

Knows the exceptions of openai, LangChain and HTTP clients and the wording of common servers.
Nothing here calls a model or decides whether to try again.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import openai
from langchain_core import exceptions as langchain
from langchain_core.messages import BaseMessage
from langchain_openai.chat_models.base import OpenAIRefusalError
from pydantic import ValidationError

from models.errors import (
    ContentFiltered,
    ContextTooLong,
    CutReply,
    MalformedReply,
    ModelError,
    QuotaExhausted,
    RateLimited,
    Refused,
    ServerFailed,
    StillLoading,
    TimedOut,
    Unreachable,
)
from models.provider.error_text import (
    is_too_long,
    said,
    seconds,
    tokens_named,
    unquoted,
    wait_named,
)

PROVIDER_ERRORS: tuple[type[Exception], ...] = (
    openai.OpenAIError,
    langchain.LangChainException,
    httpx.HTTPError,
    OpenAIRefusalError,
    TimeoutError,
    ValueError,  # json.JSONDecodeError, pydantic.ValidationError, and LangChain's own of a reply
    KeyError,
    TypeError,
)
"""What a model call may raise. Most of these mean other things too: see `translate`."""

_QUOTA_WORDS = re.compile(
    r"insufficient_quota|insufficient (credit|balance)|exceeded your current quota"
    r"|credit balance is too low|requires more credits"
    r"|exceeded(?:token)?budget|\bbudget_exceeded|budget has been exceeded.{0,19}cost",
    re.IGNORECASE,
)
_ALONE_TOO_LARGE = re.compile("request (?:body )?too large", re.IGNORECASE)
"""How OpenAI and Groq say that a plan will never let a prompt through, however long one waits."""
_FILTER_WORDS = re.compile(
    r"content.{0,12}(?:filter|polic|safety|risk|sensitive|blocked)|violat.{0,20}polic"
    r"|data_?inspection|inappropriate|flagged|敏感"
    r"|(?:block|reject|fail|interven|trigger)\w{0,5}\b.{0,30}(?:moderation|guardrail)"
    r"|(?:moderation|guardrail).{0,30}\b(?:block|reject|fail|interven|trigger)",
    re.IGNORECASE,
)
_FILTER_CODE = re.compile("moderation|guardrail", re.IGNORECASE)
"""What such an error is called; in words alone, these may be about a filter that is missing."""
_OF_MESSAGES = (400, 403, 413, 422, None)
"""Statuses of a refusal that may be about what the messages say; any other is about none."""
_MALFORMED_WORDS = re.compile(
    r"Unexpected response type from|Response missing 'choices'|null value for 'choices'"
    r"|Structured Output response does not have|expected (AIMessage|string)"
    r"|No generation chunks were returned|already exists in this message, but with a different type"
)
_TIMEOUTS = (
    openai.APITimeoutError,
    langchain.ModelTimeoutError,
    httpx.TimeoutException,
    TimeoutError,
)
_MALFORMED = (
    json.JSONDecodeError,
    ValidationError,
    langchain.OutputParserException,
    openai.OpenAIError,
)
_CUT_CAUSES = {"RemoteProtocolError", "ReadError"}
"""Names, since the openai client and this project may use different HTTP libraries."""

_SHOWN = 300
"""Characters of a server's message that are shown."""
_KEPT = "your message is kept, send it again or try later"


def translate(error: BaseException, messages: Sequence[BaseMessage] = ()) -> ModelError | None:
    """Return the `ModelError` that an exception of a model call means; None for any other.

    What it quotes of the messages that were sent is not read.
    """
    if isinstance(error, ModelError):
        return error
    if isinstance(error, _TIMEOUTS):
        return TimedOut(f"The model server did not answer {_within(error)}; {_KEPT}.")
    if isinstance(error, openai.APIConnectionError | httpx.TransportError):
        return _disconnected(error)
    if isinstance(error, openai.APIError | langchain.ModelError):
        return _reported(error, messages)
    return _unusable(error, messages)


def _reported(error: Exception, messages: Sequence[BaseMessage]) -> ModelError:
    """Return what a server's own error answer, or error event in a stream, means."""
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    code = str(getattr(error, "code", None) or "")
    text = said(getattr(error, "body", None)) or str(getattr(error, "message", error))
    return _classified(error, status, code, unquoted(text, messages))


def _classified(error: Exception, status: int | None, code: str, text: str) -> ModelError:
    named = f"{code} {getattr(error, 'type', '')}"
    words = f"{named} {text}"
    number = status or (int(code) if re.fullmatch(r"[1-5]\d\d", code) else None)
    if number == 401:
        return _refused(error, 401, text)
    wait = _retry_after(error, text)
    too_long = isinstance(error, langchain.ContextOverflowError) or is_too_long(
        words, refused=number in _OF_MESSAGES
    )
    if (status == 402 and not too_long) or (_QUOTA_WORDS.search(words) and wait is None):
        return QuotaExhausted(
            "The model provider's account has no credit left: top it up, or use another "
            "OPENAI_API_KEY."
        )
    limited = (
        status == 429
        or isinstance(error, langchain.ModelRateLimitError)
        or code == "429"
        or "throttl" in words.casefold()
    )
    if limited and not _ALONE_TOO_LARGE.search(text):
        when = f"in {wait:.0f} s" if wait else "in a moment"
        why = "" if wait else f" ({_short(text)})"
        return RateLimited(
            f"The model provider is getting too many requests{why}; your message is kept, try "
            f"again {when}.",
            wait,
        )
    if too_long or status == 413 or limited:
        window, sent = tokens_named(text)
        reads = f"{window} tokens" if window else _short(text)
        return ContextTooLong(
            f"The prompt is longer than this model can read ({reads}): set MNEMO_CONTEXT_WINDOW to "
            "what it reads, or give it a larger context.",
            window,
            sent,
        )
    if number in _OF_MESSAGES and (_FILTER_WORDS.search(words) or _FILTER_CODE.search(named)):
        return ContentFiltered()
    if status == 503 and "loading" in words.casefold():
        return StillLoading(f"The model server is still loading the model; {_KEPT}.")
    if status is None:
        # Told in the middle of an answer: the request was taken.
        failed = number is None or not 400 <= number < 500
    else:
        failed = status >= 500 or status in (408, 409)
    if failed or isinstance(error, langchain.ModelAPIError):
        return ServerFailed(f"The model server failed ({_short(text)}); {_KEPT}.")
    return _refused(error, status, text)


def _refused(error: Exception, status: int | None, text: str) -> ModelError:
    if status == 401 or isinstance(error, langchain.ModelAuthenticationError):
        return Refused("The model provider does not accept the key: check OPENAI_API_KEY.")
    if status == 403 or isinstance(error, langchain.ModelPermissionDeniedError):
        return Refused(f"The key may not do this at the model provider ({_short(text)}).")
    if status == 404 or isinstance(error, langchain.ModelNotFoundError):
        return Refused(
            "The model server does not know this model or address: check MNEMO_CHAT_MODEL, "
            f"MNEMO_MEMORY_MODEL and OPENAI_BASE_URL ({_short(text)})."
        )
    return Refused(f"The model server refused the request ({_short(_reason(text))}).")


def _disconnected(error: openai.APIConnectionError | httpx.TransportError) -> ModelError:
    if _CUT_CAUSES & {type(cause).__name__ for cause in _causes(error)}:
        return CutReply(f"The connection to the model server broke off; {_KEPT}.")
    try:
        address = str(error.request.url)
    except RuntimeError:  # httpx: the request was never set
        address = "its address"
    return Unreachable(
        f"Cannot reach the model server at {address}: is it running, and is OPENAI_BASE_URL right?"
    )


def _unusable(error: BaseException, messages: Sequence[BaseMessage]) -> ModelError | None:
    """Return what errors about a reply's form mean; None for those that are about other things."""
    if isinstance(error, openai.ContentFilterFinishReasonError | OpenAIRefusalError):
        return ContentFiltered()
    if isinstance(error, openai.LengthFinishReasonError):
        return CutReply("The model's answer was cut at its length limit.")
    if isinstance(error, ValueError) and error.args and isinstance(error.args[0], dict):
        # A server that reports an error with status 200: LangChain raises the bare error object.
        body: dict[str, Any] = error.args[0]
        text = unquoted(said(body), messages)
        return _classified(error, None, str(body.get("code") or ""), text)
    if isinstance(error, _MALFORMED) or _MALFORMED_WORDS.search(str(error)):
        return MalformedReply("The model server's answer is not in the form that was asked for.")
    return None


def _within(error: BaseException) -> str:
    seconds = getattr(error, "timeout_s", None)
    if seconds is None and isinstance(error, openai.APITimeoutError):
        seconds = error.request.extensions.get("timeout", {}).get("read")
    return f"within {seconds:g} s" if seconds else "in time"


def _retry_after(error: Exception, text: str) -> float | None:
    """Return the seconds a server asks to wait, in a header or its text; None where in neither."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        if (wait := seconds(value, unit)) is not None:
            return wait
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except ValueError:
            continue
    return wait_named(text)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _reason(text: str) -> str:
    """Return why a template refused a prompt: servers put its source and a trace around that."""
    why = re.search(r"raise_exception\(\W*([^'\"]+)|(?:Error|Exception): ([^\n]+)\s*\Z", text)
    return next((part for part in why.groups() if part), text) if why else text


def _short(text: str) -> str:
    """Return a server's message on one line, never with a key in it."""
    line = re.sub(r"\bsk-[\w*.-]+", "sk-...", " ".join(text.split())).rstrip(".")
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."

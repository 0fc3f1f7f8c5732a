"""Why something was recalled, in words a person understands: for the terminal and the page."""

from domain.records import Recalled

REASONS = {
    "words": "shares words with the message",
    "beside": "stands next to what fits",
    "meaning": "means something close",
    "fact": "led to a fact that fits",
    "summary": "belongs to a summary that fits",
    "speaker": "was said by the person asked about",
    "time": "is from the time asked about",
    "answer": "holds a date, number or name, as asked for",
}
"""A short word for each reason, and what it means."""
_OF_SIGNAL = {
    "text": "words", "key": "words", "alone": "words", "covers": "words", "feedback": "words",
    "near": "beside", "said": "meaning", "bare": "meaning", "facts": "fact", "summary": "summary",
    "speaker": "speaker", "meant": "speaker", "period": "time", "when": "answer",
    "how many": "answer", "who": "answer",
}  # fmt: skip
"""The reason behind each signal of the ranking, by the first part of its name."""
_BESIDE = ("before", "after")
"""Last parts of the names of signals that a neighbour lends."""


def reason_of(signal: str) -> str:
    """Return the short word for a signal of the ranking.

    Raises:
        KeyError: If there is no such signal.
    """
    first, _, last = signal.partition(".")
    return "beside" if last in _BESIDE else _OF_SIGNAL[first]


def reasons_of(item: Recalled, most: int = 2) -> list[str]:
    """Return the short words for why an item was recalled, the strongest reason first."""
    named = (reason_of(signal) for signal, share in item.why.items() if share > 0)
    return list(dict.fromkeys(named))[:most]

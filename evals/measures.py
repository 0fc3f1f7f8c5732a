"""What is measured of a recalled text: evidence, support of the answer, tokens, time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.text.languages import language_of
from domain.text.terms import terms


@dataclass(frozen=True)
class Outcome:
    """One question put to one way of recalling."""

    conversation: str
    question: str
    category: int | str
    answer: str
    evidence: tuple[str, ...]
    """Ids of the messages that hold the answer."""
    shown: int
    """How many of them are shown: word for word, or a passage of a long one."""
    context: str
    """What the prompt shows: what the user asked for once and for all, then what is recalled."""
    tokens: int
    """Of the whole context: the wishes come on top of the budget for what is recalled."""
    ms: float
    nuggets: tuple[str, ...] = ()
    """What a good answer must say; empty: the answer itself."""

    @property
    def support(self) -> float:
        """Share of the content words of the answer, or its nuggets, in the context, 0 to 1."""
        return share_of_words("\n".join(self.nuggets) or self.answer, self.context)


def share_of_words(answer: str, context: str) -> float:
    """Return the share of an answer's content words that a context holds, 0 to 1."""
    code = language_of(context)  # of a few words it cannot be told
    wanted = set(terms(answer, code))
    return len(wanted & set(terms(context, code))) / len(wanted) if wanted else 1.0


@dataclass(frozen=True)
class Measure:
    """The outcomes of one way of recalling, together."""

    questions: int
    evidence: int
    """Messages that hold an answer."""
    evidence_recall: float
    """Share of them that was recalled, over all questions (micro)."""
    answer_support: float
    """Mean share of an answer's content words in the recalled text."""
    tokens: float
    """Mean tokens of the recalled text."""
    most_tokens: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Result:
    """One way of recalling, measured over all questions and by category."""

    method: str
    overall: Measure
    by_category: Mapping[str, Measure] = field(default_factory=dict)


def measure(outcomes: Sequence[Outcome]) -> Measure:
    """Return what a list of outcomes amounts to."""
    if not outcomes:
        return Measure(0, 0, 0.0, 0.0, 0.0, 0, 0.0, 0.0)
    evidence = sum(len(outcome.evidence) for outcome in outcomes)
    times = [outcome.ms for outcome in outcomes]
    return Measure(
        questions=len(outcomes),
        evidence=evidence,
        evidence_recall=sum(outcome.shown for outcome in outcomes) / max(evidence, 1),
        answer_support=sum(outcome.support for outcome in outcomes) / len(outcomes),
        tokens=sum(outcome.tokens for outcome in outcomes) / len(outcomes),
        most_tokens=max(outcome.tokens for outcome in outcomes),
        p50_ms=percentile(times, 0.50),
        p95_ms=percentile(times, 0.95),
    )


def result(method: str, outcomes: Sequence[Outcome]) -> Result:
    """Return the measures of one way of recalling."""
    categories = sorted({str(outcome.category) for outcome in outcomes})
    return Result(
        method,
        measure(outcomes),
        {name: measure([o for o in outcomes if str(o.category) == name]) for name in categories},
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of some values lies; 0 where there are none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0

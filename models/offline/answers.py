"""What the offline model says: the best-matching remembered sentences, or that there are none.

It quotes and never invents. Nothing here knows LangChain.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.text.languages import language_of
from domain.text.questions import asks_how_many, asks_when, asks_who
from domain.text.sentences import sentences
from domain.text.statements import first_person, is_question
from domain.text.terms import keywords, names, numbers
from domain.text.words import words
from models.embeddings.local import LocalEmbeddings, WordLlamaEmbeddings
from models.offline.facts import wishes_to_forget
from models.offline.prompt import Reading, Remembered
from models.offline.texts import Texts, languages, texts
from models.offline.words import content, stems
from models.tokens import TokenCounter

ABOUT = (
    "I am the built-in offline model: there is no language model behind me. I can remember what "
    "you tell me and quote it back with its date. To talk with a language model, set "
    "OPENAI_API_KEY, or OPENAI_BASE_URL and MNEMO_CHAT_MODEL for a server of your own such as "
    f"Ollama, and start again. I quote and greet in these languages: {', '.join(languages())}."
)
UNKNOWN = (
    "I do not remember anything about that. I am the built-in offline model and can only repeat "
    'what you told me; say "help" for more.'
)
CANNOT = (
    "I cannot do that: I am the built-in offline model and can only repeat what you told me. "
    'Say "help" to see how to switch to a language model.'
)
FORGOT = "Forgotten: I will not speak of it again."
CANNOT_FORGET = (
    "I remember nothing that says that, so nothing was forgotten. Tell me in the words it was said "
    'in, such as "Forget that I live in Rome". In the terminal "/facts" lists what I know and '
    '"/forget TEXT" deletes it, and so does the page; "/reset" forgets everything.'
)
EMPTY = "Tell me something, and I will remember it."
_ACKNOWLEDGED = (
    "Noted.",
    "Thank you, I will remember that.",
    "Got it.",
    "Good to know, thank you.",
    "I have noted that.",
    "Understood, I will keep that in mind.",
    "Thanks for telling me.",
    "All right, I will remember.",
)
_QUOTE_TOKENS = 120
"""Tokens of one quotation; a longer one is shortened and ends with three dots."""

_NUMBER = re.compile(r"\d+")
_GREETING = re.compile(
    r"^(hi|hiya|hello|hey|hallo|hola|bonjour|ciao|greetings|good (morning|afternoon|evening|day))\b"
    r"[\w ,'!.]{0,24}$",
    re.IGNORECASE,
)
_FAREWELL = re.compile(r"^(bye|goodbye|good night|see you|ciao|farewell)\b.{0,24}$", re.IGNORECASE)
_THANKS = re.compile(r"^(thanks|thank you|thx|cheers)\b.{0,24}$", re.IGNORECASE)
_SELF = re.compile(
    r"^/?help\b.{0,10}$|\b(who|what) are you\b|\bwhat can you do\b|\bhow do you work\b"
    r"|\bare you (an? )?(ai|bot|robot|human|real|llm|language model|chatgpt)\b"
    r"|\bwhat('s| is) your name\b|\bwhat model\b",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"^(please |can you |could you |would you )*(write|translate|explain|summari[sz]e|calculate"
    r"|compute|generate|create|compose|draw|code|suggest|recommend|tell me a (joke|story)|sing)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(r"^(please |can you |could you )*(tell|remind|show) (me|us)\b", re.IGNORECASE)
_EVERYTHING = re.compile(
    r"\b(know|remember|noted|learned|told) (you )?(anything |everything )?about me\b"
    r"|\babout myself\b|\bwho am i\b|\bwhat do you (know|remember)\b",
    re.IGNORECASE,
)
_BACK_THEN = re.compile(
    r"\b(before|previous|previously|used to|former|formerly|first|originally|earlier|last|past"
    r"|did i live|did i work|back then)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(what|which)\b.*\b(like|love|enjoy|hate|eat|plan|are|hobbies|\w{4,}s)\b|\b(who|all|list)\b",
    re.IGNORECASE,
)
_MOST = 3
"""Sentences of one answer at most."""
_SURE = 0.6
"""Fit of an answer from which on nothing else is looked for."""
_NEAR = 0.15
"""Likeness by the encoder of many languages: what answers a question has 0.2 to 0.5, as a rule."""
_NAMED = 3.0
"""How much more than another word a name in a question weighs."""


@dataclass(frozen=True)
class _Asked:
    text: str
    rarity: Mapping[str, float]
    """What is asked for: stems, each with how rare it is among all that is remembered."""
    numbers: frozenset[str]
    """Numbers in the question: an answer holds them, or is dated so."""


@dataclass(frozen=True)
class _Match:
    item: Remembered
    fit: float
    """How much of the question its words answer; 0 where it does not."""
    likeness: float
    matched: frozenset[str]

    @property
    def score(self) -> float:
        return self.fit + 0.4 * max(self.likeness, 0.0)


def reply(
    reading: Reading,
    vectors: WordLlamaEmbeddings,
    tokens: TokenCounter,
    encoder: LocalEmbeddings | None = None,
) -> str:
    """Return the offline model's whole answer to a prompt, in the language of its message.

    Args:
        reading: The prompt.
        vectors: Likeness of English texts.
        tokens: Counts what is quoted.
        encoder: Likeness of texts in any language, where words alone do not tell; None: it tells
            no more than they do.
    """
    message = " ".join(reading.message.split())
    if not message:
        return EMPTY
    for pattern, answer in (
        (_SELF, ABOUT),
        (_GREETING, _greeting(reading)),
        (_THANKS, "You are welcome."),
        (_FAREWELL, "Goodbye. I will remember what you told me."),
        (_TASK, CANNOT),
    ):
        if pattern.search(message):
            return answer
    own = texts(language_of(message))
    if reading.forgot is not None or wishes_to_forget(message):
        forgot, cannot = (own.forgot, own.cannot_forget) if own else (FORGOT, CANNOT_FORGET)
        return forgot if reading.forgot else cannot
    questions = [sentence for sentence in sentences(reading.message) if asks(sentence)]
    if not questions and own:
        return own.noted if content(message) else own.hello
    if not questions:
        return _ACKNOWLEDGED[sum(message.encode("utf-8", "replace")) % len(_ACKNOWLEDGED)]
    question = " ".join(questions)
    if _EVERYTHING.search(question):
        return _everything(reading, tokens)
    answers, sure = best(question, reading.remembered, vectors)
    near = [] if sure or encoder is None else _nearest(question, reading.remembered, encoder)
    near = [item for item in near if not any(item.text in other.text for other in answers)]
    quoted = [_quoted(answers, tokens, own)] if answers else []
    if near:
        hint = own.near if own else "The nearest that I remember:"
        quoted.append(f"{hint} {_quoted(near[: _MOST - len(answers)], tokens, own)}")
    return " ".join(quoted) or (own.unknown if own else UNKNOWN)


def asks(sentence: str) -> bool:
    """Return whether a sentence asks for an answer."""
    return is_question(sentence) or _ASKS.match(sentence) is not None


def best(
    question: str, remembered: Sequence[Remembered], vectors: WordLlamaEmbeddings
) -> tuple[list[Remembered], bool]:
    """Return what answers a question, and whether its words leave little doubt.

    Nothing, one sentence, or a few where it asks for several. Ranked by stemmed content words
    weighted by rarity and by likeness of meaning. What the user said or a note states beats what
    the assistant said; of what says the same, the later wins.
    """
    candidates = [item for item in remembered if not is_question(item.text)]
    matches = _rank(question, candidates, vectors)
    if not matches:
        return [], False
    sure = matches[0].fit >= _SURE
    leading = [match for match in matches if match.fit >= 0.8 * matches[0].fit]
    if not _SEVERAL.search(question):
        # Where one of two answers is newer, it replaces the other.
        return [max(leading, key=lambda match: match.item.order).item], sure
    chosen: list[_Match] = []
    for match in sorted(leading, key=lambda match: match.item.order, reverse=True):
        if len(chosen) < _MOST and not any(_repeats(match.item, other.item) for other in chosen):
            chosen.append(match)
    return [match.item for match in chosen], sure


def _nearest(
    question: str, remembered: Sequence[Remembered], encoder: LocalEmbeddings
) -> list[Remembered]:
    """Return the sentences of the user that come near a question by meaning, the nearest first."""
    said = {
        item.text: item
        for item in remembered
        if item.by != "assistant" and not (item.pair or item.past or is_question(item.text))
    }
    if not said:
        return []
    rows = encoder.matrix([question, *said])
    alike = (rows[1:] @ rows[0]).tolist()
    ranked = sorted(zip(alike, said.values(), strict=True), key=lambda each: -each[0])
    return [item for likeness, item in ranked[:_MOST] if likeness >= _NEAR]


def _rank(
    question: str, candidates: Sequence[Remembered], vectors: WordLlamaEmbeddings
) -> list[_Match]:
    wanted = content(question) or stems(question)
    if not wanted or not candidates:
        return []
    words_of = [stems(item.text) for item in candidates]
    spread = Counter(stem for words in words_of for stem in words)
    named = content(" ".join(keywords(question)))
    asked = _Asked(
        question,
        {
            stem: math.log(1 + len(candidates) / (0.5 + spread[stem]))
            * (_NAMED if stem in named else 1.0)
            for stem in wanted
        },
        frozenset(_NUMBER.findall(question)),
    )
    rows = vectors.matrix([question, *(item.text for item in candidates)])
    alike = (rows[1:] @ rows[0]).tolist()
    matches = [
        _match(asked, item, words, likeness)
        for item, words, likeness in zip(candidates, words_of, alike, strict=True)
    ]
    alone = {m.item.order: m.matched for m in matches if not m.item.pair}
    useful = [m for m in matches if m.fit > 0 and not (m.item.pair and _needless(m, alone))]
    return sorted(useful, key=lambda match: (-match.score, match.item.order))


def _match(asked: _Asked, item: Remembered, words: frozenset[str], likeness: float) -> _Match:
    """Return how well one item answers: not at all without a number that is asked for."""
    matched = frozenset(asked.rarity.keys() & words)
    share = sum(asked.rarity[stem] for stem in matched) / sum(asked.rarity.values())
    has_numbers = asked.numbers <= set(_NUMBER.findall(f"{item.text} {item.day or ''}"))
    answers = share >= 0.45 or (share >= 0.2 and likeness >= 0.35) or likeness >= 0.6
    fit = share + _bonus(asked.text, item) - 0.004 * len(words)
    return _Match(item, max(fit, 0.0) if answers and has_numbers else 0.0, likeness, matched)


def _needless(pair: _Match, alone: Mapping[tuple[int, int, int], frozenset[str]]) -> bool:
    """Return whether one sentence of a pair matches as much as both."""
    day, place, index = pair.item.order
    return pair.matched in (alone.get((day, place, index)), alone.get((day, place, index + 1)))


def _bonus(question: str, item: Remembered) -> float:
    """Return what speaks for an item beside its words."""
    bonus = -0.35 if item.by == "assistant" else 0.0
    if item.by == "user" and first_person(question) and first_person(item.text) is False:
        bonus -= 0.5
    if item.past and not _BACK_THEN.search(question):
        bonus -= 0.6
    if item.past and _BACK_THEN.search(question):
        bonus += 0.3
    if asks_when(question) or asks_how_many(question):
        bonus += 0.12 * (numbers(words(item.text)) > 0)
    if asks_who(question):
        bonus += 0.12 * (names(item.text) > 0)
    return bonus


def _repeats(item: Remembered, other: Remembered) -> bool:
    a, b = content(item.text), content(other.text)
    return len(a & b) >= 0.5 * min(len(a), len(b))


def _everything(reading: Reading, tokens: TokenCounter) -> str:
    said = [item for item in reading.remembered if item.by != "assistant" and not item.past]
    chosen: list[Remembered] = []
    for item in sorted(said, key=lambda item: item.order, reverse=True):
        clear = not item.pair and (item.by == "note" or first_person(item.text) is not False)
        new = clear and not is_question(item.text) and len(content(item.text)) > 1
        if new and len(chosen) < 4 and not any(_repeats(item, other) for other in chosen):
            chosen.append(item)
    return _quoted(chosen[::-1], tokens, None) if chosen else UNKNOWN


def _greeting(reading: Reading) -> str:
    return "Hello again!" if reading.remembered else "Hello! Tell me something about you."


def _quoted(items: Sequence[Remembered], tokens: TokenCounter, own: Texts | None) -> str:
    return " ".join(_quotation(item, tokens, own) for item in items)


def _quotation(item: Remembered, tokens: TokenCounter, own: Texts | None) -> str:
    quote = f'"{_shortened(item.text, tokens)}"'
    if own:
        number = item.order[0]
        day = f"{number // 10_000}-{number // 100 % 100:02}-{number % 100:02}"
        return f"{own.told.format(day=day) if item.day else own.here} {quote}"
    if item.by == "note":
        return f"From my notes{f' ({item.day})' if item.day else ''}: {quote}"
    who = "You told me" if item.by == "user" else "I said"
    when = f" on {item.day}" if item.day else " earlier in this conversation"
    return f"{who}{when}: {quote}"


def _shortened(text: str, tokens: TokenCounter) -> str:
    if tokens.text(text) <= _QUOTE_TOKENS:
        return text
    short = text[: _QUOTE_TOKENS * 8]
    while tokens.text(short) > _QUOTE_TOKENS:
        short = short[: len(short) * 9 // 10]
    return f"{short.rpartition(' ')[0] or short} ..."

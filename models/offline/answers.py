"""What the offline model says: the best-matching remembered sentences, or that there are none.

It quotes and never invents. Nothing here knows LangChain.
"""

import re

from domain.text.languages import language_of
from domain.text.sentences import sentences
from domain.text.statements import is_question
from models.embeddings.local import LocalEmbeddings, WordLlamaEmbeddings
from models.offline.facts import wishes_to_forget
from models.offline.matching import MOST, about_user, best, nearest, whom_it_asks_of
from models.offline.prompt import Reading
from models.offline.quotation import quoted
from models.offline.small_talk import acknowledgement, small_talk
from models.offline.texts import texts_of
from models.tokens import TokenCounter

EMPTY = "Tell me something, and I will remember it."
_ASKS = re.compile(r"^(please |can you |could you )*(tell|remind|show) (me|us)\b", re.IGNORECASE)
_EVERYTHING = re.compile(
    r"\b(know|remember|noted|learned|told) (you )?(anything |everything )?about me\b"
    r"|\babout myself\b|\bwho am i\b|\bwhat do you (know|remember)\b",
    re.IGNORECASE,
)


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
    answer = small_talk(message, bool(reading.remembered))
    if answer is not None:
        return answer
    texts = texts_of(language_of(reading.said))
    if reading.forgot is not None or wishes_to_forget(message):
        return texts.forgot if reading.forgot else texts.cannot_forget
    questions = [sentence for sentence in sentences(reading.said) if _asks(sentence)]
    if not questions:
        return acknowledgement(message, texts)
    question = " ".join(questions)
    if _EVERYTHING.search(question):
        return quoted(about_user(reading.remembered), tokens, texts_of(None)) or texts.unknown
    wanted, items = whom_it_asks_of(question, reading.remembered)
    answers, sure = best(wanted, items, vectors)
    near = [] if sure or encoder is None else nearest(question, items, encoder)
    near = [item for item in near if not any(item.text in other.text for other in answers)]
    parts = [quoted(answers, tokens, texts)] if answers else []
    if near:
        parts.append(f"{texts.near} {quoted(near[: MOST - len(answers)], tokens, texts)}")
    return " ".join(parts) or texts.unknown


def _asks(sentence: str) -> bool:
    """Return whether a sentence asks for an answer."""
    return is_question(sentence) or _ASKS.match(sentence) is not None

"""What the offline model says: small talk, remembered sentences, or that there are none.

It quotes and never invents. Nothing here knows LangChain.
"""

import re
from dataclasses import replace

from domain.text.languages import ENGLISH, LANGUAGES, language_of
from domain.text.questions import asks, asks_for, asks_what_you_said
from domain.text.sentences import sentences
from domain.text.statements import first_person
from domain.text.terms import strong_terms, terms
from domain.text.words import words
from models.embeddings.local import LocalEmbeddings
from models.offline.facts import wishes_to_forget
from models.offline.matching import about_user, answers_to
from models.offline.prompt import Reading, Remembered
from models.offline.texts import Texts, all_texts, texts_of
from models.tokens import TokenCounter

EMPTY = "Tell me something, and I will remember it."
ABOUT = (
    "I am the built-in offline model: there is no language model behind me. I can remember what "
    "you tell me and quote it back with its date. To talk with a language model, set "
    "OPENAI_API_KEY, or OPENAI_BASE_URL and MNEMO_CHAT_MODEL for a server of your own such as "
    f"Ollama, and start again. I quote and greet in these languages: {', '.join(all_texts())}."
)
CANNOT = (
    "I cannot do that: I am the built-in offline model and can only repeat what you told me. "
    'Say "help" to see how to switch to a language model.'
)
AGAIN = "Hello again!"
_SMALL_TALK = {
    ABOUT: r"^/?help\b.{0,10}$|\b(who|what) are you\b|\bwhat can you do\b|\bhow do you work\b"
    r"|\bare you (an? )?(ai|bot|robot|human|real|llm|language model|chatgpt)\b"
    r"|\bwhat('s| is) your name\b|\bwhat model\b",
    AGAIN: r"^(hi|hiya|hello|hey|hallo|hola|bonjour|ciao|greetings"
    r"|good (morning|afternoon|evening|day))\b[\w ,'!.]{0,24}$",
    "You are welcome.": r"^(thanks|thank you|thx|cheers)\b.{0,24}$",
    "Goodbye. I will remember what you told me.": (
        r"^(bye|goodbye|good night|see you|farewell)\b.{0,24}$"
    ),
    CANNOT: r"^(please |can you |could you |would you )*(write|translate|explain|summari[sz]e"
    r"|calculate|compute|generate|create|compose|draw|code|suggest|recommend"
    r"|tell me a (joke|story)|sing)\b",
}
_NOTED = ("Noted.", "Thank you, I will remember that.", "Good to know, thank you.", "Got it.")
_QUOTE_TOKENS = 120
"""Tokens of one quotation; a longer one is shortened and ends with three dots."""


def reply(reading: Reading, encoder: LocalEmbeddings, tokens: TokenCounter) -> str:
    """Return the offline model's whole answer to a prompt, in the language of its message.

    Args:
        reading: The prompt.
        encoder: Likeness of texts, where words alone do not tell.
        tokens: Counts what is quoted.
    """
    message, texts = " ".join(reading.message.split()), texts_of(_language(reading))
    if not message:
        return EMPTY
    for answer, pattern in _SMALL_TALK.items():
        if re.search(pattern, message, re.IGNORECASE):
            new = answer == AGAIN and not reading.remembered
            return texts_of(ENGLISH)["hello"] if new else answer
    if reading.forgot is not None or wishes_to_forget(message):
        return texts["forgot"] if reading.forgot else texts["cannot_forget"]
    question = " ".join(filter(asks, sentences(reading.said)))
    if not question:
        return _acknowledgement(message, texts)
    who_am_i = first_person(question) and not terms(question)
    if asks_for(question, "all") or who_am_i:
        return _quoted(about_user(reading.remembered), tokens, texts) or texts["unknown"]
    answers, near = answers_to(question, reading.remembered, encoder)
    asked = asks_what_you_said(question)
    own = answers_to(question, _own_words(reading), encoder)[0] if asked else []
    quoted = [*(replace(reply, name=texts["i_said"]) for reply in own), *answers]
    parts = [_quoted(quoted, tokens, texts)] if quoted else []
    if near:
        parts.append(f"{texts['near']} {_quoted(near, tokens, texts)}")
    return " ".join(parts) or texts["unknown"]


def _language(reading: Reading) -> str | None:
    """Return the language of a message, or of what the user said before a lone small word.

    That may be a name: "ada" is Indonesian for "there is".
    """
    code = language_of(reading.said)
    known, said = LANGUAGES[code or ENGLISH], words(reading.said)
    if (
        len(said) != 1
        or terms(reading.said)
        or not known.by_words
        or said[0] in known.words("talk")
    ):
        return code
    before = [item for item in reversed(reading.remembered) if not item.note]
    latest = max(before, key=lambda item: item.date, default=None)
    return language_of(latest.text) if latest else code


def _own_words(reading: Reading) -> list[Remembered]:
    """Return what the assistant said that quotes nothing."""
    said = [*reading.remembered, *reading.replies]
    return [
        reply
        for reply in reading.replies
        if not any(each.text in reply.text for each in said if each.text != reply.text)
    ]


def _acknowledgement(message: str, texts: Texts) -> str:
    """Return what is said to a message that asks nothing; English varies it by the message."""
    if texts["code"] != ENGLISH:
        return texts["noted"] if strong_terms(message) else texts["hello"]
    return _NOTED[sum(message.encode("utf-8", "replace")) % len(_NOTED)]


def _quoted(items: list[Remembered], tokens: TokenCounter, texts: Texts) -> str:
    """Return the items as quotations, each with who said it and when."""
    return " ".join(
        f'{_source(item, texts)} "{shortened(item.text, _QUOTE_TOKENS, tokens)}"' for item in items
    )


def _source(item: Remembered, texts: Texts) -> str:
    """Return who said a sentence, and when."""
    day = item.day if texts["code"] == ENGLISH else item.day and item.date
    in_brackets = f" ({day})" if day else ""
    if item.name:
        return f"{item.name}{in_brackets}:"
    if item.note and texts["code"] == ENGLISH:
        return f"From my notes{in_brackets}:"
    return texts["on_day"].format(day=day) if day else texts["here"]


def shortened(text: str, most: int, tokens: TokenCounter) -> str:
    """Return a text of so many tokens at most, cut behind a word where one ends nearby."""
    if tokens.text(text) <= most:
        return text
    short = text[: most * 8]
    while tokens.text(f"{short} ...") > most and len(short) > 1:
        short = short[: len(short) * 9 // 10]
    head = short.rpartition(" ")[0]
    return f"{head if len(head) > len(short) // 2 else short} ..."

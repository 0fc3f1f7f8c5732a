"""The sentences and clauses of a message that state something in the user's own words.

Drops quotations, code, questions, requests and suppositions, and spells contractions out. What a
clause says is read elsewhere.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from domain.text.dates import find

_LONGEST = 30
"""Words of a clause that is still read as one statement."""
_CODE = re.compile(r"```.*?(?:```|\Z)|^\s*[>|].*$", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"\"[^\"\n]*\"|(?<!\w)'(?=\w)[^'\n]*(?:'\w[^'\n]*)*'(?!\w)")
_DOTTED = re.compile(r"\b(?:[A-Z]|Dr|Mr|Mrs|Ms|St|Prof|Jr|Sr|Mt|vs|etc|approx|e\.g|i\.e)\.(?= ?\S)")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.](?=\w)[^.!?\n]*)*[.!?]*")
_OWN = re.compile(r"\b(?:i|im|i'm|ive|my|me|we|our)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"[,;:-]+ *(?=(?:so |and |but )?(?:do|does|did|can|could|would|will|should|what|where|when|who"
    r"|why|how|which|is|are|am|any|right|isn't|don't)\b)",
    re.IGNORECASE,
)
_OPENER = re.compile(
    r"^(?:(?:hi|hello|hey|hiya|good (?:morning|evening|afternoon)|yo)(?: there| again| everyone)?"
    r"|well|so|oh|ah|ok|okay|yes|yeah|yep|no|nope|and|but|also|btw|by the way|anyway|actually"
    r"|honestly|basically|to be honest|tbh|fyi|for your information|for the record|just so you know"
    r"|you know|as you know|as i said|like i said|note|update|ps|p\.s|fun fact|guess what|listen"
    r"|unfortunately|luckily|fortunately|sadly|personally|in fact|thanks|thank you|nice to meet you"
    r"|(?:please )?(?:remember|note|don't forget|keep in mind)(?: that)?"
    r"|i (?:should|must|want to|wanted to|need to|have to) (?:mention|add|say|tell you)(?: that)?"
    r"|i (?:told|mentioned to) you(?: before| already)?(?: that)?|(?:did )?i mention(?:ed)? that"
    r"|it's true that|the thing is(?: that)?|[-*\u2022]|\d+[.)])(?:\s*[,:;!.\u2013-]+\s*|\s+|$)",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^[A-Z][\w .'-]{0,24}: *(?=i\b|i'|my\b|we\b)", re.IGNORECASE)
_TOPIC = re.compile(
    r"[\w ]+[:,-]+ i(?:'m| am|m) (?:\w+ )?allergic to (?:them|it|those|these|that)$", re.IGNORECASE
)
_UNREAL = re.compile(
    r"\b(?:if|wish|wishes|imagine|suppose|supposing|pretend|hypothetically|let's say|as though"
    r"|role-?play|story|poem|scene|said|says|tells? me|told me|asked me|lyrics|once upon)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"(?:please )?(?:write|tell|give|create|make|compose|draft|generate|act|continue|translate"
    r"|rewrite|summari[sz]e|explain|help|show|describe|call me (?:when|later|back|at|on)"
    r"|correct)\b",
    re.IGNORECASE,
)
_HEDGED = re.compile(
    r"\b(?:might|maybe|perhaps|probably|possibly|unless|could|should|shall|i'd"
    r"|(?:i|we|he|she|it|they|that) may"
    r"|would(?! love to (?:visit|see|go|travel|live|learn|work|try|become|have))"
    r"|i (?:\w+ )?(?:think|guess|suppose|believe|doubt|wonder|assume|bet)|sure|kidding|joking)\b",
    re.IGNORECASE,
)
_SPLIT = re.compile(
    r"(?:,? (?:and|but|so|because|though|although|plus|yet)|[,;:.]|,? -+|,? [\u2013\u2014]) "
    r"(?=(?:(?:also|then|now) )?(?:i|i'm|im|i've|ive|i'll|my|we|we're|we've|our|he|she|they|it"
    r"|it's|he's|she's)\b)",
    re.IGNORECASE,
)
_SHARED = re.compile(
    r",? (?:and|but) (?=(?:also |now |never |currently |recently )?(?:am|was|have|had|live|work"
    r"|study|love|like|loved|liked|hated|enjoyed|take|wear|teach|drive|eat|drink|cook|sing|grew"
    r"|graduated|bought|lost|hate|enjoy|prefer|play|speak|own|moved|joined|started|got|bought"
    r"|adopted"
    r"|don't|do not|cannot|can't|never|just) )",
    re.IGNORECASE,
)
_SHORT_FORMS = (
    (r"\bi'?m\b", "I am"), (r"\bi'?ve\b", "I have"), (r"\bi'll\b", "I will"),
    (r"\bwe're\b", "we are"), (r"\bwe've\b", "we have"), (r"\bcan'?t\b", "cannot"),
    (r"\bwon'?t\b", "will not"), (r"\b(do|does|did|is|are|was|were|has|have|had)n'?t\b", r"\1 not"),
    (r"\b(name|birthday|job|dog|cat|wife|husband|age|address)'s (?-i:(?=[A-Z\d]))", r"\1 is "),
    (r"\b(have|has) got\b", r"\1"), (r"\bgonna\b", "going to"), (r"\bwanna\b", "want to"),
    (r"^(I|we)((?: am| are| have| was| do)?) (?:(?:also|really|actually|just|still|now|currently"
     r"|finally|recently|already|definitely|absolutely|totally|truly|completely|happily|simply"
     r"|proudly|presently|kind of|sort of) )+", r"\1\2 "),

)  # fmt: skip
_TOGETHER = re.compile(
    r"\b(?:my (?:[\w'-]+ ){1,4}?and (?:i|me)|(?:me|i) and my (?:[\w'-]+ ){0,2}?[\w'-]+) "
    r"(?=(?:are|have|live|moved|went|got|were|bought|adopted|met|will|visited|met)\b)",
    re.IGNORECASE,
)
_HOW_OFTEN = re.compile(
    r"^((?:every|each) (?:other )?\w+|on (?:week|\w+)(?:day|end)s|once an? \w+|\w+ times an? \w+"
    r"|in (?:the )?(?:mornings?|evenings?|winter|summer)),? (?=(?:i|my|we) )(.*)$",
    re.IGNORECASE,
)
_FORMS = [(re.compile(pattern, re.IGNORECASE), plain) for pattern, plain in _SHORT_FORMS]


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of the user's own words: no code, no quoted lines, no quotations."""
    text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    text = _QUOTED.sub(_unquoted, _CODE.sub(" ", text))
    text = _DOTTED.sub(lambda match: match[0].replace(".", "\u2024"), text)
    for match in _SENTENCE.finditer(text):
        sentence = match[0].strip()
        if _OWN.search(sentence):
            yield sentence.replace("\u2024", ".")


def _unquoted(match: re.Match[str]) -> str:
    """Return a short quotation bare (a title, a name); a longer one is someone else's words."""
    inside = match[0][1:-1]
    return inside if len(inside.split()) <= 3 and not _OWN.search(inside) else " \u00ab\u00bb "


def _often_last(match: re.Match[str]) -> str:
    return f"{match[2]} {match[1][0].lower()}{match[1][1:]}"


def clauses(sentence: str, said_at: datetime) -> Iterator[str]:
    """Yield the clauses of a sentence that state something, contractions spelled out."""
    if sentence.endswith("?"):
        parts = _ASKS.split(sentence)
        if len(parts) == 1:
            return
        sentence = parts[0]
    sentence = sentence.strip(" .!,;:-")
    while (rest := _OPENER.sub("", sentence)) != sentence:
        sentence = rest
    if "\u00ab" in sentence or not _OWN.search(sentence):
        return
    topic = _TOPIC.match(sentence)
    if (
        _REQUEST.match(sentence)
        or _UNREAL.search(sentence)
        or (
            _LABEL.match(sentence) and not topic  # a line of somebody's dialogue
        )
    ):
        return
    sentence = _HOW_OFTEN.sub(_often_last, _TOGETHER.sub("we ", sentence))
    date = find(sentence, said_at)
    if date and date.place[0] == 0:  # "Last week, I moved": the date goes behind its clause
        end = date.place[1]
        first, *others = _SPLIT.split(sentence[end:].strip(" ,"), maxsplit=1)
        sentence = "; ".join([f"{first} {sentence[:end]}", *others])
    for part in [sentence] if topic else _SPLIT.split(sentence):
        clause = part.strip(" .!,;:-")
        words = clause.split()
        if not words or len(words) > _LONGEST or _HEDGED.search(clause):
            continue
        for pattern, plain in _FORMS:
            clause = pattern.sub(plain, clause)
        infinitive = re.match(r"i (?:\w+ ){0,2}to ", clause, re.IGNORECASE)
        first, *others = [clause] if infinitive else _SHARED.split(clause)
        yield first
        if first[:2].lower() in ("i ", "we"):
            yield from (f"{first.split()[0]} {other}" for other in others)

"""Facts without a language model: first-person statements of the user, turned into third person.

Rules over the form of English clauses. What they do not know is left out, never guessed; what the
statements do to known facts is decided in `domain/facts.py`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from domain.dates import Mention, absolute, find, resolve
from domain.extraction import EntityKind, EntityMention, Extraction, FactChange, FactKind, Source
from domain.facts import standing
from domain.records import Fact

_LONGEST = 30
"""Words of a clause that is still read as one statement."""


def extract_offline(messages: Sequence[Source], known: Sequence[Fact], now: datetime) -> Extraction:
    """Return the facts and entities that the user's messages state, without a language model.

    Only plain statements about the user and theirs count: no questions, wishes, conditions,
    quotations, requests or passing moods. Dates are made absolute against the message's time.

    Args:
        messages: The user's messages, oldest first.
        known: Facts known already: a lost job ends the known one.
        now: Upper bound of when a message was said, against wrong clocks.
    """
    found = Extraction()
    held = {one.fact.slot: one.fact for one in standing(known, None) if one.current}
    homes = _HOME.findall(held["home"].text) if "home" in held else []
    for message in messages:
        said_at = min(message.at, now)
        for sentence in dict.fromkeys(_sentences(message.text)):
            found.entities += _relatives(sentence, message.ref)
            for clause in _clauses(sentence, said_at):
                for one in _read(clause, said_at):
                    found.facts.append(_change(one, message.ref, held))
                    found.entities += _places(one, message.ref, homes)
    return found


@dataclass(frozen=True)
class _Stated:
    """What one clause says."""

    text: str
    """In third person, a whole sentence."""
    kind: FactKind
    slot: str | None = None
    when: str | None = None
    """The words that say from when it is true, as the message has them."""
    subject: str = "user"
    ends: str | None = None
    """The slot whose known value it ends."""


@dataclass(frozen=True)
class _Rule:
    """One form of a clause, and the statement it makes."""

    pattern: re.Pattern[str]
    loose: re.Pattern[str]
    """The form for texts that use no capitals."""
    text: str
    """Third person, with the pattern's groups by name; `X` is a name, `job` gets its article."""
    kind: FactKind
    slot: str | None

    @cached_property
    def opener(self) -> str:
        """The clause's first two letters, empty where they can be several: to look no further."""
        known = re.match(r"i (?=\(|\w)|my", self.pattern.pattern)
        return known[0] if known else ""


# What a message's sentences and clauses are.

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
    r"|graduated|bought|lost|hate|enjoy|prefer|play|speak|own|moved|joined|started|got|bought|adopted"
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


def _sentences(text: str) -> Iterator[str]:
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


def _clauses(sentence: str, said_at: datetime) -> Iterator[str]:
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


# What a clause says.

_NAME = r"(?-i:[A-Z0-9][\w'&.-]*(?: (?:(?:of|the|de|van|von|del|la) )?[A-Z0-9][\w'&.-]*){0,4})"
_LOOSE = (
    r"(?!(?:an?|the|my|our|his|her|their|your|fear|hope|peace|pain|denial|constant|town|bed|night"
    r"|home|weekends?|least|times|once|free|myself|sure|not|it|that|this|here|there)\b)"
    r"[a-z][\w'-]*(?: (?!now\b|and\b|but\b|with\b|for\b|as\b)[a-z][\w'-]*)?"
)
"""A name as people write it who never use capitals."""
_TAIL = (
    r"(?:,? (?:with|because|for|after|when|where|while|so|to|and|but|by|during|as|right now|now"
    r"|these days|at the moment|again|too|currently|together|alone|not|from|in|full|part)\b.*)?"
)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty"
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_NUMBER = rf"(?:\d{{1,3}}|(?:{_TENS})(?:[- ](?:{_ONES}))?|eighteen|nineteen)"
_JOB = (
    r"(?:(?!bit\b|little\b|fan\b)[\w'/-]+ ){0,3}?(?:accountant|act(?:or|ress)|agent|analyst"
    r"|architect"
    r"|artist|assistant|attorney|author|baker|banker|barista|bartender|biologist|builder|carpenter"
    r"|cashier|chef|chemist|cleaner|coach|composer|consultant|contractor|cook|counsell?or|dancer"
    r"|dentist|designer|detective|developer|director|doctor|driver|economist|editor|electrician"
    r"|engineer|entrepreneur|farmer|firefighter|freelancer|gardener|guard|guide|hairdresser"
    r"|historian|illustrator|instructor|intern|journalist|judge|lawyer|lecturer|librarian|manager"
    r"|marketer|mechanic|midwife|musician|nanny|nurse|officer|optician|painter|paramedic|pharmacist"
    r"|photographer|physicist|physiotherapist|pilot|plumber|poet|professor|programmer|psychiatrist"
    r"|psychologist|receptionist|recruiter|reporter|researcher|sailor|salesperson|scientist"
    r"|secretary|singer|social worker|soldier|student|surgeon|tailor|teacher|technician|therapist"
    r"|trader|trainer|translator|tutor|vet|veterinarian|waiter|waitress|welder|writer)"
)
_PARTNER = r"(?:wife|husband|girlfriend|boyfriend|partner|fianc\u00e9e?|fiancee?|spouse)"
_RELATION = (
    r"(?:(?:older|younger|little|big|twin|best|old|late|ex|step|half|oldest|youngest|eldest)[- ])?"
    rf"(?:{_PARTNER}|(?:grand)?(?:mother|father|son|daughter|child|ma|pa|parents)(?:-in-law)?"
    rf"|mom|mum|dad"
    r"|(?:brother|sister)(?:-in-law)?|kid|baby|aunt|uncle|cousin|niece|nephew|friend|roommate"
    r"|flatmate|neighbou?r|boss|manager|colleague|co-?worker|therapist|doctor|teacher|coach)"
)
_PET = r"(?:dog|cat|puppy|kitten|rabbit|hamster|parrot|horse|bird|turtle|snake|ferret|pony)"
_TITLE = r"(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?"
_PERSON = rf"(?-i:{_TITLE}[A-Z][\w'-]*(?: (?:(?:de|van|von) )?[A-Z][\w'-]+){{0,2}})"
_PEOPLE = (
    r"(?-i:American|German|French|English|British|Irish|Scottish|Welsh|Spanish|Italian|Portuguese"
    r"|Dutch|Belgian|Swiss|Austrian|Polish|Czech|Hungarian|Romanian|Bulgarian|Greek|Turkish|Russian"
    r"|Ukrainian|Swedish|Norwegian|Danish|Finnish|Serbian|Croatian|Israeli|Lebanese|Iranian|Persian"
    r"|Egyptian|Moroccan|Nigerian|Kenyan|Indian|Pakistani|Chinese|Japanese|Korean|Vietnamese|Thai"
    r"|Filipino|Filipina|Indonesian|Malaysian|Australian|Canadian|Mexican|Cuban|Colombian|Brazilian"
    r"|Argentinian|Chilean|Peruvian|European|African|Asian|Jewish|Muslim|Catholic|Protestant|Hindu"
    r"|Buddhist|Sikh|Mormon|Christian)\b"
)
_DEGREE = r"(?P<how>(?:(?:severely|highly|very|extremely|deathly|mildly|slightly|badly|quite) )?)"
_HOME = re.compile(rf"The user lives \w+(?: to)? (?:the )?({_NAME})")


def _rules(*rows: tuple[str, str, FactKind, str | None]) -> list[_Rule]:
    """Return rules, each beside its looser form for texts without capitals."""

    def form(pattern: str, name: str) -> re.Pattern[str]:
        return re.compile(pattern.replace("<NAME>", name) + "$", re.IGNORECASE)

    return [
        _Rule(form(pattern, _NAME), form(pattern, _LOOSE), text, kind, slot)
        for pattern, text, kind, slot in rows
    ]


_DATED_RULES = _rules(
    (r"my (?:birthday|date of birth) is (?:on )?(?:the )?(?P<x>.*\b(?:\d|first).*)",
     "The user's birthday is {x}", "identity", "birthday"),
    (r"i was born (?P<on>on|in) (?P<x>.*\d.*)", "The user was born {on} {x}", "identity",
     "birthday"),
)  # fmt: skip
_RULES = _rules(
    (r"my (?:full |first |real )?name is (?!not )(?P<X><NAME>)(?: with an? .+)?",
     "The user's name is {X}", "identity", "name"),
    (r"(?:(?:you can|please|just|people|(?:my )?friends|everyone|everybody) )*calls? me "
     r"(?!later|back|crazy|when|at|on)(?P<X><NAME>)", "The user's name is {X}", "identity", "name"),
    (r"i (?:go by|am called) (?:the name )?(?P<X><NAME>)", "The user's name is {X}", "identity",
     "name"),
    (rf"i am (?!{_PEOPLE})(?P<x>(?-i:(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?[A-Z][a-z]+"
     r"(?: [A-Z][a-z]+){0,2}))(?:, (?:an?|the|from|and|\d) ?.+)?",
     "The user's name is {x}", "identity", "name"),
    (rf"i am (?P<x>{_NUMBER})(?: years old| years of age| yo| y/o)?", "The user is {x} years old",
     "identity", "age"),
    (rf"(?:i (?:have )?turned|my age is) (?P<x>{_NUMBER})", "The user is {x} years old",
     "identity", "age"),
    (r"i was born (?:and raised )?in (?P<X><NAME>)", "The user was born in {X}", "identity",
     "birthplace"),
    (r"i (?:am (?:originally )?from|come from) (?:the )?(?P<X><NAME>(?:, <NAME>)?)"
     r"(?: originally)?", "The user is from {X}",
     "identity", "origin"),
    (r"(?:i|we) (?:have |am |are )?(?:always )?(?:been )?(?:live|living|reside|residing|based"
     r"|settled|(?<=have )lived|(?<=always )lived) (?P<at>in|at|near|on|outside|close to) "
     rf"(?P<X>(?:the )?<NAME>(?:, <NAME>)?){_TAIL}", "The user lives {at} {X}", "place", "home"),
    (r"(?:i|we) (?:am |are )?(?:live|living) in (?P<what>(?:an?|my|the|our) [\w' -]+?) (?P<at>in"
     rf"|near|outside|on) (?P<X><NAME>){_TAIL}", "The user lives in {what} {at} {X}", "place",
     "home"),
    (r"(?:i|we) (?:have )?(?:moved|relocated|emigrated|immigrated)(?: back| over| out| away)?"
     rf"(?: from .+?)? to (?P<X>(?:the )?<NAME>(?:, <NAME>)?){_TAIL}",
     "The user lives in {X}", "place", "home"),
    (rf"(?:my|our) (?:new )?(?:home|house|flat|apartment) is in (?P<X>(?:the )?<NAME>){_TAIL}",
     "The user lives in {X}", "place", "home"),
    (r"i (?:am |have )?(?:been )?(?:work(?:ing)?|employed|(?<=have )worked|(?<=been )worked|started"
     r"|started work(?:ing)?|(?:got|took|started|have) (?:a|my|the) (?:new )?(?:job|position)"
     rf"|(?:got|was) hired) (?:at|for|with|by) (?P<X>(?:an? |the )?<NAME>){_TAIL}",
     "The user works at {X}", "work", "employer"),
    (rf"(?:i (?:have )?joined|my (?:new )?(?:employer|company|workplace) is) (?P<X><NAME>){_TAIL}",
     "The user works at {X}", "work", "employer"),
    (r"i (?:am |have )?(?:been )?(?:work(?:ing|ed)?|employed|hired|started(?: working)?)"
     rf"(?: (?:at|for|in|with) .+?)? as an? (?P<job>.+?)(?: (?:at|for|in|with) .+)?{_TAIL}",
     "The user is {job}", "work", "job"),
    (rf"i (?:am|(?:have )?became) an? (?P<job>{_JOB})(?: (?:at|for|in|with|of) .+)?{_TAIL}",
     "The user is {job}", "work", "job"),
    (r"my (?:new )?(?:job|profession|occupation|job title) is (?:(?:being |that of )?an? )?"
     rf"(?P<job>{_JOB})", "The user is {job}", "work", "job"),
    (rf"i am {_DEGREE}allergic to (?!(?:them|it|those|these|that)$)(?P<x>.+)",
     "The user is {how}allergic to {x}", "health", None),
    (r"i (?:have|suffer from) (?:an? )?(?:(?P<grade>severe|mild|slight|bad|serious|strong|\w+) )??"
     r"(?P<xs>\w+) allerg(?:y|ies)", "The user is {how}allergic to {xs}", "health", None),
    (r"i have (?:an? )?(?:(?P<grade>\w+) )?allerg(?:y|ies) to (?P<x>.+)",
     "The user is {how}allergic to {x}", "health", None),
    (r"my (?:only |main )?allerg(?:y|ies) (?:is|are)(?: to)? (?P<x>.+)",
     "The user is allergic to {x}", "health", None),
    (rf"(?!i |my |we )(?P<x>[\w ]+)[:,-]+ i am {_DEGREE}allergic to (?:them|it|those|that|these)",
     "The user is {how}allergic to {x}", "health", None),
    (r"i (?:am|have been|became|have become|went|have gone|turned) (?:an? )?(?:\w+ )??"
     r"(?P<x>vegetarian|vegan|pescatarian)(?: (?:for|since|all) .+)?",
     "The user is {x}", "preference", "diet"),
    (r"i (?:am|got|have been) (?P<x>(?:married|divorced|engaged|widowed|separated|single)"
     rf"(?: to {_NAME})?)", "The user is {x}", "relation", "relationship status"),
    (rf"my (?P<what>{_PARTNER})(?: is (?:called |named )?(?!{_PEOPLE})|'s name is )(?P<X><NAME>)",
     "The user's {what} is named {X}", "relation", "partner"),
    (rf"my (?P<what>{_RELATION}|{_PET})(?: is (?:called |named )?(?!{_PEOPLE})|'s name is )"
     r"(?P<X>(?-i:[A-Z]\w+))", "The user's {what} is named {X}", "relation", None),
    (rf"i have an? (?P<what>{_RELATION}|{_PET}),? (?:named|called|whose name is) (?P<X><NAME>)",
     "The user's {what} is named {X}", "relation", None),
    (rf"(?P<X><NAME>) is my (?P<what>{_RELATION}|{_PET})(?:'s name)?",
     "The user's {what} is named {X}", "relation", None),
    (r"i am (?P<x>retired|unemployed|self-employed)", "The user is {x}", "work", "job"),
    (r"my (?:new |current )?(?P<what>phone number|e-?mail(?: address)?|address|height|weight"
     r"|blood type|star sign|zodiac sign|shoe size|religion|nationality|time ?zone"
     r"|(?:middle|last|maiden) name|surname|nickname|mother tongue|native language) is"
     r" (?!not )(?P<x>.+)", "The user's {what} is {x}", "identity", "{what}"),
    (r"i am (?P<x>\d[\w '\".,]*) tall", "The user is {x} tall", "identity", "height"),
    (r"i weigh (?P<x>\d.*)", "The user weighs {x}", "identity", "weight"),
    (r"my (?:all[- ]time |absolute )?(?P<what>favou?rite [\w -]+?) (?P<be>is"
     r"|are) (?!not )(?P<x>.+)",
     "The user's {what} {be} {x}", "preference", "{what}"),
    (r"(?!i |my |we )(?P<x>[\w' -]+?) (?P<be>is|are) my (?:all[- ]time |absolute )?"
     r"(?P<what>favou?rite [\w -]+)", "The user's {what} {be} {x}", "preference", "{what}"),
    (r"the (?P<w>\w+) i (?:like|love) (?:the )?(?:best|most) is (?P<x>.+)",
     "The user's favourite {w} is {x}", "preference", "favourite {w}"),
    (r"i am (?:a )?(?:big |huge |great )?(?:fan of|fond of|(?:so )?into|keen on) (?P<x>.+)",
     "The user likes {x}", "preference", None),
)  # fmt: skip

_HABITS = (
    "live|stay|reside|work|study|teach|play|speak|own|drive|ride|eat|drink|smoke|vape|collect"
    "|volunteer|run|swim|cook|bake|paint|draw|write|read|sing|dance|practi[cs]e|train|garden|knit"
    "|sew|code|program|travel|commute|wear|take|use|prefer|owe|keep|grow|raise|suffer|belong"
    "|support"
    "|attend|follow|go|watch|listen|wake|sleep|like|love|enjoy|adore|hate|dislike|detest|have"
    "|surf|ski|climb|hike|jog|cycle|fish|hunt|meditate|pray|celebrate|visit|care|manage|lead|build"
    "|make|sell|breed|struggle|snore|avoid|fear|miss|need glasses|weigh"
)
_EVENTS = (
    "moved|relocated|joined|started|quit|left|got|bought|sold|adopted|lost|broke|graduated|finished"
    "|completed|went|visited|met|had|grew|passed|failed|retired|learn(?:ed|t)|won|ran|wrote"
    "|published|founded|switched|became|attended|booked|signed|hurt|injured|sprained|stopped|began"
    "|hired|received|earned|inherited|crashed|travell?ed|flew|drove|hiked|climbed|cooked|baked"
    "|painted|planted|built|celebrated|proposed|divorced|married|resigned|enrolled|applied|lived"
    "|worked|studied|played|owned|smoked|watched|read|saw|took|gave up|ate|tried"
    "|paid|spent|ordered"
)
_PLANNED = (
    "move|start|visit|travel|fly|marry|graduate|retire|attend|leave|learn|become|buy|quit|stop|lose"
    "|run|write|go|study|build|open|live|work|climb|try|join|adopt|finish|improve|save|see|get|have"
    "|take|meet|sell|change|apply|teach|launch|publish|race|host|propose"
    "|be (?:in|at|on|visiting|travell?ing|moving)"
)
_VAGUE = (
    r"(?:it|that|this|you|your|him|her|them|those|these|what|how|why|where|when|the way|myself"
    r"|something|anything|nothing|everything|to say|to know|to ask|to hear|to talk|to tell|there)\b"
)
_SMALL_TALK = re.compile(
    r"(?:have|had|got|need|take|took|want) (?:an?|no|some|another|one|the|many|few|any|my)? ?"
    r"(?:\w+ )?(?:questions?|ideas?|problems?|issues?|feelings?|doubts?|suggestions?|requests?"
    r"|points?|look|minutes?|seconds?|moments?|thoughts?|favou?rs?|clue|hunch|choice|time|luck|fun"
    r"|chance|headache|cold|hangover|nap|break|seat|help|advice|bite|lot|better|back(?! from)"
    r"|rid)\b"
    r"|(?:have|had|got) to\b|go (?:on|ahead|back|now|for it)\b|took? it\b|have (?:seen|heard|had)\b"
    r"|got (?:it|you|confused|lost|bored|stuck|up|home)\b|lost my (?:train|mind|temper)"
    r"|read (?:that|your|about)|tried (?:that|to)|follow (?:you|that)|make sense|use (?:this|that)"
    r"|watch (?:out|this)|miss (?:you|that|the point)|keep (?:forgetting|getting|saying|thinking)",
    re.IGNORECASE,
)
_LASTING = re.compile(
    r"(?:a vegetarian|vegetarian|vegan|pregnant|diabetic|asthmatic|retired|unemployed"
    r"|self-employed|freelanc\w+"
    r"|(?:left|right)-handed|colou?r-?blind|deaf|blind|gay|lesbian|bisexual|trans\w*|non-?binary"
    r"|autistic|dyslexic|bilingual|fluent|intolerant|lactose intolerant|celiac|coeliac|vaccinated"
    r"|afraid of|scared of|terrified of|interested in|passionate about|obsessed with|addicted to"
    r"|responsible for|in charge of|related to|good at|bad at|terrible at|great at|based|diagnosed"
    r"|on (?:\w+ )?(?:medication|insulin|a diet|antidepressants|parental leave|maternity leave)"
    rf"|married|engaged|divorced|single|an? (?!(?:bit|little|lot|mess|fan|joke|failure)\b)"
    rf"|{_PEOPLE}"
    r"|the (?:oldest|youngest|eldest|only|father|mother|owner|founder|ceo|head|captain|president)\b"
    rf"|{_NUMBER} (?:feet|foot|cm|centimet|met|kg|pounds|years|(?:weeks|months) pregnant)"
    rf"|in (?:my|the) \w+ (?:year"
    r"|grade|semester)|in (?:high school|college|university|a band|a relationship|therapy|recovery)"
    r"|(?:living|working|studying|learning|training|planning|moving|flying|travell?ing|visiting"
    r"|writing|building|saving|dating|expecting|preparing|recovering|renovating|raising|applying"
    r"|volunteering|teaching|getting (?:married|divorced|a \w+)|taking (?:\w+ )+(?:class|course"
    r"|medic"
    r"|lesson)|quitting|remodel\w+|organi[sz]ing|hosting|seeing a|reading)\b"
    r"|born|promoted|hired|fired|laid off|injured|raised|accepted|robbed|hospitali[sz]ed|allergic)",
    re.IGNORECASE,
)
_PERFECT = re.compile(
    r"have (?:not |never |always )?(?:been (?!told|thinking|wondering|trying|meaning|told|asked"
    r"|there"
    r"|here|better|worse|busy|good|ok)|visited|lived|worked|played|studied|owned|had an?|known"
    r"|loved"
    r"|wanted|moved|bought|started|quit|stopped|finished|lost|broken|written|run|been|worn|eaten"
    r"|smoked|drunk|driven|taught|learned|learnt|traveled|travelled|adopted|retired|flown) ",
    re.IGNORECASE,
)
_ABILITY = re.compile(
    r"can(?:not)? (?:speak|play|swim|drive|cook|read|code|dance|sing|ride|eat|drink|stand|tolerate"
    r"|digest|walk|see well|hear well|smell|bake|sew|knit|type|fly)\b",
    re.IGNORECASE,
)
_OWN_THING = re.compile(
    r"(?:my|our) (?P<np>(?!(?:questions?|points?|guess|bad|god|goodness|apolog|problem|issue|idea"
    r"|opinion|thoughts?|turn|mistake|pleasure|answer|understanding|request|advice|hope|fault|mind"
    r"|feeling|brain|name|message|plan)\b)(?:[\w'&.-]+,? ){1,6}?)(?P<verb>is|are|was|were|has"
    r"|have|had"
    r"|does|do|will|lives?|works?|likes?|loves?|hates?|died|passed away|got|moved|broke|started"
    r"|goes"
    r"|plays?|studies|study|speaks?|turned|turns|graduated|graduates|teaches|owns?|runs?|bought"
    r"|sold"
    r"|left|lost|joined|married|retired|starts|begins|ends|leaves|arrives|calls|helps|cooks|drives|visits|owns|suffers|comes|came|eats?|snores|collects?|makes?|wants|needs"
    r"|grew)\b"
    r"(?P<rest>.*)$",
    re.IGNORECASE,
)
_MINE = re.compile(
    r"(?:i|we) (?P<adv>(?:(?:always|usually|often|never|sometimes|rarely|hardly|mostly|only|mainly"
    r"|regularly|generally|typically|normally|no longer|both|once) )*)(?P<rest>.+)$",
    re.IGNORECASE,
)
_AHEAD = re.compile(
    r"\b(?:will|(?:am|are|is) going to|plan(?:ning)? (?:to|a|on)|next (?:week|month|year|weekend"
    r"|summer|spring|autumn|fall|winter|\w+day)|tomorrow|coming|upcoming|from now|want to|hope to"
    r"|intend to|would love to|in (?:\d+|an?|two|three|a few) (?:day|week|month)s?$)\b"
    r"|\b(?:am|are|is) (?:flying|moving|leaving|expecting|getting married)\b"
    r"(?!.*\b(?:since|last|ago|yesterday)\b)",
    re.IGNORECASE,
)
_PRESENT = re.compile(
    r"(?:i|we) (?:am|are|have (?:an?|my|our|the|some)) |my .* (?:(?:is|are)"
    r" (?:on|in|at|due|\w+ing)|starts?|begins?|ends?|leaves?|arrives?) ",
    re.IGNORECASE,
)
"""With a date that can lie ahead, it does: "my exam is on 5 June"."""
_UNTIL = re.compile(
    r"\b(?:am|is|are|will|have to|has to|works?|lives?|stays?)\b.* (?:until|till|by) ",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"\b(?:for|since) (?:(?:about|over|almost|nearly|more than|the (?:past|last)|around"
    r"|at least) )*"
    rf"(?P<n>\d+|an?|{_ONES}|ten|eleven|twelve|fifteen|twenty|a few|several|a couple of) "
    r"(?P<unit>day|week|month|year|decade)s?(?: now)?\b",
    re.IGNORECASE,
)
_ENDINGS = (
    (
        re.compile(r"i (?:have )?(?:quit|left|lost) my (?:\w+ )?(?:job|position)\b.*", re.I),
        "employer",
    ),
    (re.compile(r"i (?:was|got) (?:laid off|fired|made redundant)\b.*", re.I), "employer"),
    (re.compile(r"i (?:have )?(?:broke|broken|split) up\b.*|i got divorced\b.*", re.I), "partner"),
)
_KIND_WORDS: tuple[tuple[str, FactKind], ...] = (
    (r"allerg|medication|insulin|diabet|asthma|surger|diagnosed|pregnan|vaccin|therap|injur"
     r"|sprain|broke (?:their|my) |migraine|insomnia|anxiety|depress|c(?:o)?eliac|intoleran"
     r"|blood"
     r"|glasses|smok|hospital", "health"),
    (r"likes?\b|loves?\b|hates?\b|enjoys?|prefers?|dislikes?|adores?|vegetarian|vegan|avoids?"
     r"|afraid of|scared of|terrified|fears?\b|eats?\b|drinks?\b|fond"
     r"|interested", "preference"),
    (r"works?\b|worked|working|job|stud(?:y|ies|ied)|teach|promoted|hired|fired|laid off"
     r"|company"
     r"|graduat|degree|student|career|boss", "work"),
    (rf"(?:user|their \w+) (?:{_EVENTS})\b|died|passed away|was|had", "event"),
    (rf"is (?:not )?{_PEOPLE}|speaks?\b|an? (?:intro|extro)vert|years old|tall$", "identity"),
    (rf"(?:user's|their) {_RELATION}\b|kids|children|sisters|brothers|{_PET}s?\b|married"
     rf"|engaged"
     r"|divorced|single", "relation"),
    (r"lives?\b|lived|living|moved|grew up|house|apartment", "place"),
)  # fmt: skip
_KINDS = [(re.compile(rf"\b(?:{words})", re.IGNORECASE), kind) for words, kind in _KIND_WORDS]


def _read(clause: str, said_at: datetime) -> Iterator[_Stated]:
    """Yield what a clause states: by its form, or else in its own words."""
    capitals = any(letter.isupper() for letter in clause.replace("I ", ""))
    for rule in _DATED_RULES:
        if match := rule.pattern.match(clause):
            yield _by_rule(rule, match, None)
            return
    dated_ahead = _PRESENT.match(clause) and (date := find(clause, said_at, ahead=True))
    ahead = bool(_AHEAD.search(clause)) or bool(dated_ahead and date and _comes(date, said_at))
    bare, dated, when = _dates_apart(clause, said_at, ahead)
    over = when is None and re.match(r"(?:i|we) have (?:lived|worked)\b", bare, re.IGNORECASE)
    opener = clause[:2].lower()
    for rule in [] if ahead or over else _RULES:
        if rule.opener in ("", opener) and (
            match := (rule.pattern if capitals else rule.loose).match(bare)
        ):
            yield _by_rule(rule, match, when)
            yield from _job_beside(rule, bare, when)
            return
    text = _in_own_words(dated, ahead)
    if text:
        ends = next((slot for form, slot in _ENDINGS if form.match(bare)), None)
        yield _Stated(text, _kind(text, ahead), None, when, _subject(text), ends)


def _comes(date: Mention, said_at: datetime) -> bool:
    return date.start > said_at and date.lead not in ("since", "until", "till", "before", "after")


def _by_rule(rule: _Rule, match: re.Match[str], when: str | None) -> _Stated:
    """Return the statement of a rule's form."""
    words = {name: _tidy(value or "") for name, value in match.groupdict().items()}
    if words.get("X", "").islower():
        words["X"] = _INITIALS.sub(lambda known: known[0].upper(), words["X"].title())
    if "xs" in words and not _UNCOUNTED.search(words["xs"]):
        words["xs"] = re.sub(r"y$", "ie", words["xs"]) + "s"
    if job := words.get("job"):
        words["job"] = f"{'an' if job[0].lower() in 'aeiou' else 'a'} {job}"
    grade = words.get("grade", "").lower()
    words["how"] = f"{grade}ly" if grade in ("severe", "mild", "slight") else words.get("how", "")
    words["how"] += " " if words["how"] else ""
    slot = rule.slot.format(**words).lower() if rule.slot else None
    return _Stated(_sentence(rule.text.format(**words)), rule.kind, slot, when)


def _job_beside(rule: _Rule, bare: str, when: str | None) -> Iterator[_Stated]:
    """Yield the employer that a job is told with, and the job that an employer is told with."""
    if rule.slot == "job" and (match := re.search(rf" (?:at|for) ((?:the )?{_NAME})", bare)):
        yield _Stated(f"The user works at {match[1]}.", "work", "employer", when)
    if rule.slot == "name" and (match := re.search(rf", (an? {_JOB})\b", bare, re.I)):
        yield _Stated(f"The user is {match[1]}.", "work", "job", when)
    if rule.slot == "employer" and (match := re.search(rf" as (an? {_JOB})\b", bare, re.I)):
        yield _Stated(f"The user is {match[1]}.", "work", "job", when)


def _dates_apart(clause: str, said_at: datetime, ahead: bool) -> tuple[str, str, str | None]:
    """Return a clause without its date, with its date made absolute, and the date's words."""
    coming = ahead or bool(_UNTIL.search(clause))
    mention = find(clause, said_at, ahead=coming)
    if mention and _dates_it(mention, clause, said_at, coming):
        start, end = mention.place
        bare = clause[:start].rstrip(" ,") + clause[end:]
        return bare, _all_absolute(clause, said_at, coming), clause[start:end].strip()
    if (lasting := _DURATION.search(clause)) and re.search(r"\b(?:have|has|am|is)\b", clause):
        since = resolve(f"for {lasting['n']} {lasting['unit']}", said_at)
        if since is not None:
            unit = lasting["unit"].lower()
            label = f"around {since.year}" if unit in ("year", "decade") else f"{since:%B %Y}"
            before, after = clause[: lasting.start()].rstrip(), clause[lasting.end() :]
            phrase = f"for {lasting['n']} {unit}s"
            return before + after, f"{before} since {label}{after}", phrase
    return clause, clause, None


def _dates_it(mention: Mention, clause: str, said_at: datetime, ahead: bool) -> bool:
    """Return whether a date says when, rather than how often, and can be meant."""
    often = re.search(r"\b(?:every|each|most|all)\s*$", clause[: mention.place[0]], re.IGNORECASE)
    return not often and (ahead or mention.start <= said_at)


_KEPT = ("since", "until", "till", "before", "after", "by", "from", "between")


def _all_absolute(clause: str, said_at: datetime, ahead: bool) -> str:
    """Return a clause whose dates mean the same on any day."""
    told, rest = "", clause
    while (mention := find(rest, said_at, ahead=ahead)) and _dates_it(
        mention, rest, said_at, ahead
    ):
        start, end = mention.place
        before, label = rest[:start].rstrip(" ,"), absolute(mention)
        lead = mention.lead if mention.lead in _KEPT else ""
        said_at = mention.start if ahead and lead == "from" else said_at  # "to Friday": after it
        if lead or before.endswith(" to"):
            label = f"{lead} {re.sub(r'^(?:on|in) (?!the)', '', label)}".strip()
        told += f"{before} {label if mention.relative else rest[start:end].strip()}"
        rest = rest[end:]
    return told + rest


def _in_own_words(clause: str, ahead: bool) -> str | None:
    """Return a clause about the user or theirs in third person, None where it is no statement."""
    if _DANGLING.search(clause):
        return None
    if (match := _OWN_THING.match(clause)) and (match["rest"] or match["verb"][-2:] == "ed"):
        return _sentence(f"The user's {match['np']}{match['verb']}{match['rest']}")
    match = _MINE.match(clause)
    if not match or _SMALL_TALK.match(match["rest"]):
        return None
    said = _predicate(match["rest"], ahead)
    return _sentence(f"The user {match['adv'].lower()}{said}") if said else None


_DANGLING = re.compile(
    r"\b(?:here|over there|been there|go there|this one|that one)\b|\b(?:it|them|him|her|this"
    r"|that)$",
    re.IGNORECASE,
)
"""Words that point at something outside the clause."""


def _predicate(rest: str, ahead: bool) -> str | None:
    """Return what is said of "I", in third person: "have a dog" as "has a dog"."""
    verb, _, after = rest.partition(" ")
    verb = verb.lower()
    if verb in ("am", "are", "was", "were"):
        about = re.sub(r"^(?:not|no longer) ", "", after)
        now = "is" if verb in ("am", "are") else "was"
        plan = re.match(rf"(?:going to (?:{_PLANNED})|planning (?:to|a|on))\b", about, re.I)
        going = ahead and re.match(r"(?!going to [a-z])\w+ing\b", about)
        there = now == "was" and re.match(r"(?:in|at|on) ", about, re.I)
        return f"{now} {after}" if plan or going or there or _LASTING.match(about) else None
    if _PERFECT.match(rest):
        return f"has {after}"
    if _ABILITY.match(rest) or re.match(rf"used to (?:{_HABITS}|be)\b", rest, re.I):
        return rest
    if re.match(rf"(?:will|would love to) (?:{_PLANNED})\b", rest, re.I):
        return rest
    if re.match(rf"(?:want|hope|plan|intend) to (?:{_PLANNED})\b|want an? ", rest, re.I):
        return f"{verb}s {after}"
    if re.match(rf"do not (?:{_HABITS})\b(?! {_VAGUE})", rest, re.I):
        return None if _SMALL_TALK.match(rest[7:]) else f"does{rest[2:]}"
    if not after or re.match(_VAGUE, after, re.I):
        return None
    if re.match(rf"(?:{_HABITS})\b", rest, re.I):
        agreed = after if re.search(r"\bto\b", after) else _ALSO_DOES.sub(_agreeing, after)
        return f"{_third(verb)} {agreed}"
    return rest if re.match(rf"(?:{_EVENTS})\b", rest, re.I) else None


_ALSO_DOES = re.compile(
    rf"\b(?P<link>and|but|or) (?P<how>(?:(?:always|usually|often|never|then) )?)(?P<verb>{_HABITS})"
    r"(?= [a-z])",
    re.IGNORECASE,
)


def _agreeing(match: re.Match[str]) -> str:
    return f"{match['link']} {match['how']}{_third(match['verb'])}"


def _third(verb: str) -> str:
    """Return a verb's third person: "go" as "goes"."""
    if verb == "have":
        return "has"
    if re.search(r"(?:s|sh|ch|x|z|o)$", verb):
        return verb + "es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", verb) + "s"


_INITIALS = re.compile(r"\b(?:Nyc|Usa|Uk|Uae|Sf|Dc|Nz|Ibm|Bmw|Nhs)\b")
_UNCOUNTED = re.compile(
    r"(?:s|milk|dairy|gluten|pollen|shellfish|penicillin|latex|dust|wheat|soy|fish|lactose)$"
)
_TRAILING = re.compile(
    r"(?:[ ,]+(?:too|as well|though|actually|by the way|btw|lol|haha|right now|unfortunately"
    r"|of course|you know|please|thanks|at the moment|these days|nowadays|by now)|\W)+$",
    re.IGNORECASE,
)
_PRONOUNS = tuple(
    (re.compile(rf"\b{mine}\b", re.IGNORECASE), theirs)
    for mine, theirs in (
        ("i am", "they are"), ("i was", "they were"), ("i", "they"), ("we", "they"),
        ("my", "their"), ("our", "their"), ("me", "them"), ("us", "them"), ("mine", "theirs"),
        ("myself", "themself"),
    )
)  # fmt: skip


def _tidy(text: str) -> str:
    return " ".join(_TRAILING.sub("", text).split())


def _sentence(text: str) -> str:
    """Return a statement as one sentence, what is the speaker's made theirs."""
    for mine, theirs in _PRONOUNS:
        text = mine.sub(theirs, text)
    return _tidy(text) + "."


def _kind(text: str, ahead: bool) -> FactKind:
    if ahead:
        return "plan"
    if _subject(text) != "user" and not _KINDS[0][0].search(text):
        return "relation"
    return next((kind for words, kind in _KINDS if words.search(text)), "other")


def _subject(text: str) -> str:
    """Return whom a statement about the user's people is about: the name, else the relation."""
    match = re.match(rf"The user's (?P<who>{_RELATION}|{_PET})\b(?: (?P<name>{_NAME}))?", text)
    return "user" if not match else match["name"] or f"user's {match['who']}"


def _change(one: _Stated, ref: str, held: dict[str | None, Fact]) -> FactChange:
    """Return the change to facts that a statement makes."""
    over = held.get(one.ends) if one.ends else None
    return FactChange(
        op="supersede" if over else "add",
        target=over.id if over else None,
        text=one.text,
        kind=one.kind,
        subject=one.subject,
        slot=one.slot,
        source=ref,
        when=one.when,
    )


# Whom and what a message names.

_CALLED = r"(?:'s name is|,? (?:is )?(?:named|called)|,| is)?"
_NAMED = tuple(
    (re.compile(rf"\b{form}", re.IGNORECASE), kind)
    for form, kind in (
        (rf"(?:my|our) (?P<what>{_RELATION}){_CALLED} (?!{_PEOPLE})(?P<name>{_PERSON})", "person"),
        (rf"(?P<name>{_PERSON}) is my (?P<what>{_RELATION})\b", "person"),
        (rf"(?:my|our|an?) (?:\w+ )?(?P<what>{_PET}){_CALLED} (?P<name>(?-i:[A-Z]\w+))", "other"),
        (rf"(?P<name>(?-i:[A-Z]\w+)) is my (?P<what>{_PET})\b", "other"),
    )
)
_OF_THEM = (
    ("job", re.compile(rf",? (?:is|who is) (an? {_JOB})\b", re.I)),
    ("home", re.compile(rf".{{0,40}}?\blives? in ({_NAME})", re.I)),
    ("employer", re.compile(rf".{{0,40}}?\bworks (?:at|for) ({_NAME})", re.I)),
    ("age", re.compile(rf",? is ({_NUMBER})(?: years old)?$", re.I)),
)
_ABOUT: dict[str, tuple[EntityKind, str]] = {
    "home": ("place", "home"),
    "employer": ("organization", "employer"),
    "birthplace": ("place", "birthplace"),
    "origin": ("place", "origin"),
}


def _relatives(sentence: str, ref: str) -> Iterator[EntityMention]:
    """Yield the people and pets of the user that a sentence names, with what it says of them."""
    for pattern, kind in _NAMED:
        for match in pattern.finditer(sentence):
            what, about = match["what"].lower(), {}
            about["relation"] = what
            rest = re.split(r"[.!?;]| and (?:my|i) ", sentence[match.end() :])[0]
            for label, form in _OF_THEM:
                if found := form.match(rest):
                    about[label] = found[1]
            name = match["name"].removesuffix("'s").rstrip(".")
            yield EntityMention(
                name=name,
                kind="person" if kind == "person" else "other",
                attributes=about if kind == "person" else {"kind": what, "relation": "pet"},
                source=ref,
            )


def _places(one: _Stated, ref: str, homes: list[str]) -> Iterator[EntityMention]:
    """Yield the place or organization of a statement's slot; a home left behind is a former one."""
    about = _ABOUT.get(one.slot or "")
    name = re.search(_NAME, one.text[len("The user ") :].rstrip("."))
    if about is None or name is None or name[0][0].isdigit():
        return
    if one.slot == "home":
        for before in homes:
            if before != name[0]:
                yield EntityMention(
                    name=before, kind="place", attributes={"relation": "former home"}, source=ref
                )
        homes[:] = [name[0]]
    yield EntityMention(name=name[0], kind=about[0], attributes={"relation": about[1]}, source=ref)

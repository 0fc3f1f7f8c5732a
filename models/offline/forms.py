"""The forms of clauses that state one thing plainly, most of them a slot's value: "I live in ...".

One rule a form, tried in order. Dates are taken off before; other clauses are said in own words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from domain.facts.extraction import FactKind
from models.offline.statements import Stated, as_sentence, tidy
from models.offline.words import JOB, NAME, NUMBER, PARTNER, PEOPLE, PET, RELATION

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
_DEGREE = r"(?P<how>(?:(?:severely|highly|very|extremely|deathly|mildly|slightly|badly|quite) )?)"
_INITIALS = re.compile(r"\b(?:Nyc|Usa|Uk|Uae|Sf|Dc|Nz|Ibm|Bmw|Nhs)\b")
_UNCOUNTED = re.compile(
    r"(?:s|milk|dairy|gluten|pollen|shellfish|penicillin|latex|dust|wheat|soy|fish|lactose)$"
)


@dataclass(frozen=True)
class Rule:
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


def _rules(*rows: tuple[str, str, FactKind, str | None]) -> list[Rule]:
    """Return rules, each beside its looser form for texts without capitals."""

    def form(pattern: str, name: str) -> re.Pattern[str]:
        return re.compile(pattern.replace("<NAME>", name) + "$", re.IGNORECASE)

    return [
        Rule(form(pattern, NAME), form(pattern, _LOOSE), text, kind, slot)
        for pattern, text, kind, slot in rows
    ]


DATED_RULES = _rules(
    (r"my (?:birthday|date of birth) is (?:on )?(?:the )?(?P<x>.*\b(?:\d|first).*)",
     "The user's birthday is {x}", "identity", "birthday"),
    (r"i was born (?P<on>on|in) (?P<x>.*\d.*)", "The user was born {on} {x}", "identity",
     "birthday"),
)  # fmt: skip
RULES = _rules(
    (r"my (?:full |first |real )?name is (?!not )(?P<X><NAME>)(?: with an? .+)?",
     "The user's name is {X}", "identity", "name"),
    (r"(?:(?:you can|please|just|people|(?:my )?friends|everyone|everybody) )*calls? me "
     r"(?!later|back|crazy|when|at|on)(?P<X><NAME>)", "The user's name is {X}", "identity", "name"),
    (r"i (?:go by|am called) (?:the name )?(?P<X><NAME>)", "The user's name is {X}", "identity",
     "name"),
    (rf"i am (?!{PEOPLE})(?P<x>(?-i:(?:(?:Dr|Mr|Mrs|Ms|Prof)\.? )?[A-Z][a-z]+"
     r"(?: [A-Z][a-z]+){0,2}))(?:, (?:an?|the|from|and|\d) ?.+)?",
     "The user's name is {x}", "identity", "name"),
    (rf"i am (?P<x>{NUMBER})(?: years old| years of age| yo| y/o)?", "The user is {x} years old",
     "identity", "age"),
    (rf"(?:i (?:have )?turned|my age is) (?P<x>{NUMBER})", "The user is {x} years old",
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
    (rf"i (?:am|(?:have )?became) an? (?P<job>{JOB})(?: (?:at|for|in|with|of) .+)?{_TAIL}",
     "The user is {job}", "work", "job"),
    (r"my (?:new )?(?:job|profession|occupation|job title) is (?:(?:being |that of )?an? )?"
     rf"(?P<job>{JOB})", "The user is {job}", "work", "job"),
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
     rf"(?: to {NAME})?)", "The user is {x}", "relation", "relationship status"),
    (rf"my (?P<what>{PARTNER})(?: is (?:called |named )?(?!{PEOPLE})|'s name is )(?P<X><NAME>)",
     "The user's {what} is named {X}", "relation", "partner"),
    (rf"my (?P<what>{RELATION}|{PET})(?: is (?:called |named )?(?!{PEOPLE})|'s name is )"
     r"(?P<X>(?-i:[A-Z]\w+))", "The user's {what} is named {X}", "relation", None),
    (rf"i have an? (?P<what>{RELATION}|{PET}),? (?:named|called|whose name is) (?P<X><NAME>)",
     "The user's {what} is named {X}", "relation", None),
    (rf"(?P<X><NAME>) is my (?P<what>{RELATION}|{PET})(?:'s name)?",
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


def by_rule(rule: Rule, match: re.Match[str], when: str | None) -> Stated:
    """Return the statement of a rule's form."""
    words = {name: tidy(value or "") for name, value in match.groupdict().items()}
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
    return Stated(as_sentence(rule.text.format(**words)), rule.kind, slot, when)


def job_beside(rule: Rule, bare: str, when: str | None) -> Iterator[Stated]:
    """Yield the employer that a job is told with, and the job that an employer is told with."""
    if rule.slot == "job" and (match := re.search(rf" (?:at|for) ((?:the )?{NAME})", bare)):
        yield Stated(f"The user works at {match[1]}.", "work", "employer", when)
    if rule.slot == "name" and (match := re.search(rf", (an? {JOB})\b", bare, re.I)):
        yield Stated(f"The user is {match[1]}.", "work", "job", when)
    if rule.slot == "employer" and (match := re.search(rf" as (an? {JOB})\b", bare, re.I)):
        yield Stated(f"The user is {match[1]}.", "work", "job", when)

"""Clauses that fit no form, said in third person in their own words: "I surf" as "The user surfs".

Knows which verbs and states last long enough to be remembered; whatever else is no statement.
"""

import re

from models.offline.statements import as_sentence
from models.offline.words import EVENTS, NUMBER, PEOPLE

_HABITS = (
    "live|stay|reside|work|study|teach|play|speak|own|drive|ride|eat|drink|smoke|vape|collect"
    "|volunteer|run|swim|cook|bake|paint|draw|write|read|sing|dance|practi[cs]e|train|garden|knit"
    "|sew|code|program|travel|commute|wear|take|use|prefer|owe|keep|grow|raise|suffer|belong"
    "|support"
    "|attend|follow|go|watch|listen|wake|sleep|like|love|enjoy|adore|hate|dislike|detest|have"
    "|surf|ski|climb|hike|jog|cycle|fish|hunt|meditate|pray|celebrate|visit|care|manage|lead|build"
    "|make|sell|breed|struggle|snore|avoid|fear|miss|need glasses|weigh"
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
    rf"|{PEOPLE}"
    r"|the (?:oldest|youngest|eldest|only|father|mother|owner|founder|ceo|head|captain|president)\b"
    rf"|{NUMBER} (?:feet|foot|cm|centimet|met|kg|pounds|years|(?:weeks|months) pregnant)"
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
    r"|left|lost|joined|married|retired|starts|begins|ends|leaves|arrives|calls|helps|cooks"
    r"|drives|visits|owns|suffers|comes|came|eats?|snores|collects?|makes?|wants|needs"
    r"|grew)\b"
    r"(?P<rest>.*)$",
    re.IGNORECASE,
)
_MINE = re.compile(
    r"(?:i|we) (?P<adv>(?:(?:always|usually|often|never|sometimes|rarely|hardly|mostly|only|mainly"
    r"|regularly|generally|typically|normally|no longer|both|once) )*)(?P<rest>.+)$",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"\b(?:here|over there|been there|go there|this one|that one)\b|\b(?:it|them|him|her|this"
    r"|that)$",
    re.IGNORECASE,
)
"""Words that point at something outside the clause."""
_ALSO_DOES = re.compile(
    rf"\b(?P<link>and|but|or) (?P<how>(?:(?:always|usually|often|never|then) )?)(?P<verb>{_HABITS})"
    r"(?= [a-z])",
    re.IGNORECASE,
)


def in_own_words(clause: str, ahead: bool) -> str | None:
    """Return a clause about the user or theirs in third person, None where it is no statement."""
    if _DANGLING.search(clause):
        return None
    if (match := _OWN_THING.match(clause)) and (match["rest"] or match["verb"][-2:] == "ed"):
        return as_sentence(f"The user's {match['np']}{match['verb']}{match['rest']}")
    match = _MINE.match(clause)
    if not match or _SMALL_TALK.match(match["rest"]):
        return None
    said = _predicate(match["rest"], ahead)
    return as_sentence(f"The user {match['adv'].lower()}{said}") if said else None


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
    return rest if re.match(rf"(?:{EVENTS})\b", rest, re.I) else None


def _agreeing(match: re.Match[str]) -> str:
    return f"{match['link']} {match['how']}{_third(match['verb'])}"


def _third(verb: str) -> str:
    """Return a verb's third person: "go" as "goes"."""
    if verb == "have":
        return "has"
    if re.search(r"(?:s|sh|ch|x|z|o)$", verb):
        return verb + "es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", verb) + "s"

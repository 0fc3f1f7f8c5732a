"""Made-up conversations, the same each time: what all speed benchmarks talk about."""

import random
from datetime import UTC, datetime, timedelta

from evals.conversations import Dialogue, Probe, Session, Statement, Utterance

_WHO, _WHERE, _WHAT, _DID, _HOW = map(
    str.split,
    (
        "Anna Boris Carla Dmitri Elena Farid Greta Hugo Ines Jonas Keiko Lars Mina Noor Otto",
        "Lisbon Oslo Bergen Kyoto Porto Graz Leeds Turin Quito Izmir Perth Riga Ghent",
        "violin telescope kayak greenhouse bicycle recipe novel garden painting marathon sailboat "
        "thesis quilt motorbike accordion aquarium vineyard puppet sculpture podcast bakery "
        "workshop",
        "bought repaired sold borrowed described photographed lost finished started cleaned moved "
        "painted promised visited planned cancelled inherited measured",
        "slowly yesterday with great care last week for her birthday in the rain twice",
    ),
)


def made_up(turns: int, seed: int = 7) -> Dialogue:
    """Return a conversation of so many turns, with a summary and facts for each session."""
    chance = random.Random(seed)
    begun = datetime(2024, 1, 1, 18, 0, tzinfo=UTC)
    sessions: list[Session] = []
    questions: list[str] = []
    for number in range(0, turns, 14):
        said: list[Utterance] = []
        facts: list[Statement] = []
        for turn in range(number, min(number + 14, turns)):
            who, where, what, did = (chance.choice(words) for words in (_WHO, _WHERE, _WHAT, _DID))
            more = f"{chance.choice(_DID)} the {chance.choice(_WHAT)} {chance.choice(_HOW)}"
            text = f"{who} {did} a {what} in {where} and then {more}, which made me think."
            reply = f"A {what} from {where}! Did {who} tell you why {more.split()[0]} came first?"
            said.append(Utterance(f"{turn}u", "user", None, text))
            said.append(Utterance(f"{turn}a", "assistant", None, reply))
            questions.append(f"What did {who} do with the {what} in {where}?")
            if turn % 2 == 0:
                facts.append(Statement(f"{who} {did} a {what} in {where}.", who, (f"{turn}u",)))
        at = begun + timedelta(days=number)
        summary = " ".join(fact.text for fact in facts)
        sessions.append(Session(at, tuple(said), summary, tuple(facts)))
    now = begun + timedelta(days=turns + 30)
    probes = tuple(Probe(question, "", "speed", (), now) for question in questions)
    return Dialogue("speed", tuple(sessions), probes)


def texts(turns: int, sentences: int = 1) -> list[str]:
    """Return so many messages of a made-up user, of so many sentences each."""
    sessions = made_up(turns * sentences).sessions
    said = [said.text for s in sessions for said in s.utterances if said.role == "user"]
    return [" ".join(said[at : at + sentences]) for at in range(0, len(said), sentences)]

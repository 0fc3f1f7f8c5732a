from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import numpy as np
import pytest

from domain.recall.analyses import Vocabulary
from domain.recall.bm25 import Postings
from domain.recall.corpus import Corpus
from domain.recall.corpus_building import build, extended
from domain.recall.passages import LONG, Unit, passages
from domain.recall.query import read_question
from domain.recall.ranking import Judged, Votes, judge, load_weights, signals, voted
from domain.records import Fact
from domain.text.dates.dates import named_period
from domain.text.questions import asks, asks_for
from domain.text.terms import terms
from models.embeddings.local import WordLlamaEmbeddings

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SAID = [
    ("Ann", "I adopted a greyhound called Biscuit from the shelter."),
    ("Ben", "Lovely! How old is Biscuit?"),
    ("Ann", "Three years, and very lazy."),
    ("Ben", "My sister Carla moved to Lisbon in January."),
    ("Ann", "I have never been to Portugal."),
    ("Ben", "I started learning the cello two weeks ago."),
]
EMBED = WordLlamaEmbeddings().matrix


def units(said: list[tuple[str, str]] = SAID) -> list[Unit]:
    return [
        Unit(
            ref=f"turn{row}/0",
            turn=f"turn{row}",
            speaker=speaker,
            role="user" if speaker == "Ann" else "assistant",
            message=text,
            at=START + timedelta(days=20 * row),
            before=row - 1,
        )
        for row, (speaker, text) in enumerate(said)
    ]


def corpus(facts: tuple[Fact, ...] = (), vectors: bool = True) -> Corpus:
    return build(units(), facts, count=len, embed=EMBED if vectors else None)


def judged(
    question: str, built: Corpus | None = None, votes: Votes | None = None, live: object = None
) -> Judged:
    built = built or corpus()
    period = named_period(question, START + timedelta(days=150))
    asked = read_question(question, built.names, period)
    vectors = None if built.vectors is None else EMBED([asked.in_first_person, asked.bare])
    alive = np.ones(len(built), dtype=np.bool_) if live is None else np.asarray(live)
    found = signals(built, asked, alive, vectors) | voted(built, votes or Votes(), alive)
    return judge(found, lexical=built.vectors is None)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the name of Ann's dog, the greyhound?", 0),
        ("Where does Ben's sister live?", 3),
        ("Which instrument does Ben learn?", 5),
        ("Has Ann been to Portugal?", 4),
    ],
)
def test_the_message_that_answers_comes_first(question: str, answer: int) -> None:
    assert int(judged(question).scores.argmax()) == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [("Where does Ben's sister Carla live?", 3), ("Who adopted Biscuit?", 0)],
)
def test_words_alone_find_it_where_no_model_runs_here(question: str, answer: int) -> None:
    found = judged(question, corpus(vectors=False))
    assert int(found.scores.argmax()) == answer


def test_a_fact_votes_for_the_message_it_was_drawn_from() -> None:
    told = Fact(
        id="f", text="Ann has a pet.", sources=("turn0/0",), observed_at=START, valid_from=START
    )
    without = judged("Does anybody own an animal?", corpus())
    built = corpus((told,))
    near = Votes(facts=[("f", 0.8)])
    assert judged("Does anybody own an animal?", built, near).scores[0] > without.scores[0]


def test_a_time_that_the_question_names_counts() -> None:
    may = judged("What did Ben say in May?")
    assert may.weighed[may.names.index("period"), 3] > 0
    assert may.weighed[may.names.index("period"), 0] == 0


def test_a_dead_message_scores_nothing_and_lends_nothing_to_its_neighbours() -> None:
    live = np.array([True, True, True, False, True, True])
    found = judged("Where did Carla move?", live=live)
    words = [found.names.index(name) for name in ("text", "key", "near", "said", "facts.near")]
    assert not found.weighed[words, 3].any()
    beside = [found.names.index(name) for name in ("alone.before", "alone.after")]
    alive = judged("Where did Carla move?")
    assert alive.weighed[beside][:, [2, 4]].any()
    assert not found.weighed[beside][:, [2, 4]].any()


def test_scores_do_not_depend_on_how_the_index_came_about() -> None:
    whole = corpus()
    grown = build(units()[:2], (), count=len, embed=EMBED)
    for unit in units()[2:]:
        grown = extended(grown, [unit], count=len, embed=EMBED)
    for question in ("Who plays the cello?", "What did Ann adopt?"):
        assert judged(question, whole).scores == pytest.approx(judged(question, grown).scores)


def test_an_extended_index_leaves_the_one_before_as_it_was() -> None:
    first = build(units()[:3], (), count=len, embed=EMBED)
    before = judged("Who plays the cello?", first).scores.copy()
    extended(first, units()[3:], count=len, embed=EMBED)
    assert judged("Who plays the cello?", first).scores == pytest.approx(before)


def test_a_vocabulary_gives_each_term_one_number_in_however_many_threads() -> None:
    known, gate = Vocabulary(), Barrier(4)

    def number(first: int) -> list[tuple[str, int]]:
        gate.wait()
        return [
            (term, known[term]) for term in (f"w{n % 3000}" for n in range(first, first + 9000))
        ]

    with ThreadPoolExecutor(4) as threads:
        given = [pair for each in threads.map(number, range(0, 4000, 1000)) for pair in each]
    assert set(given) == set(known.items())
    assert len(set(known.values())) == len(known) == 3000


def test_why_names_the_strongest_signals_first() -> None:
    why = judged("What is the greyhound called?").why([0])[0]
    assert why
    assert list(why.values()) == sorted(why.values(), reverse=True)


def test_the_shipped_weights_know_no_data_set() -> None:
    names = {*load_weights().full, *load_weights().lexical}
    built = corpus()
    asked = read_question("Who?", built.names, None)
    alive = np.ones(len(built), dtype=np.bool_)
    found = signals(built, asked, alive) | voted(built, Votes(), alive)
    assert names <= set(found)
    assert load_weights().length_penalty > 0


def test_a_question_is_read_as_the_speaker_would_say_it() -> None:
    asked = read_question("What is Ann's dog called?", ["Ann", "Ben"], None)
    assert asked.speakers == {"Ann"}
    assert asked.in_first_person == "What is my dog called?"
    assert "ann" not in asked.strong


def test_small_talk_has_no_strong_words() -> None:
    for text in ("Hi, how are you today?", "ok thanks", "Do you remember what I told you?"):
        assert not read_question(text, ["Ann"], None).strong


def test_a_question_about_everything_is_told_from_small_talk() -> None:
    assert asks_for("What do you know about me?", "past")
    assert asks_for("Do you remember what I told you?", "past")
    assert not asks_for("How are you?", "past")
    assert asks("Tell me about Lisbon")
    assert not asks("I went to Lisbon.")


def test_terms_meet_across_forms_cases_and_scripts() -> None:
    assert terms("Running, RUNS") == terms("run running")
    assert terms("Ann’s dogs") == terms("Ann dog")
    assert set(terms("私は東京に住んでいます")) & set(terms("東京"))
    assert terms("the of and") == []


def test_bm25_prefers_rare_words_and_short_documents() -> None:
    docs = [np.array(each, np.int32) for each in ([1, 2], [1, 3], [1, 2, 4, 5, 6, 7], [8])]
    scores = Postings(docs).scores({1: 1.0, 2: 1.0})
    assert scores[0] > scores[2] > scores[1] > scores[3] == 0
    assert Postings(docs).telling([-1])[0] > Postings(docs).telling([2])[0]


def test_an_index_of_nothing_answers() -> None:
    empty = build((), (), count=len, embed=EMBED)
    asked = read_question("Who?", empty.names, None)
    nobody = np.zeros(0, dtype=np.bool_)
    found = signals(empty, asked, nobody) | voted(empty, Votes(), nobody)
    assert len(judge(found, lexical=True).scores) == 0


def test_a_long_message_is_cut_between_sentences_and_loses_nothing() -> None:
    text = " ".join(f"Sentence number {n} says something of its own." for n in range(60))
    parts = passages(text)
    assert len(parts) > 1
    assert all(len(part) <= LONG for part in parts)
    joined = " ".join(part.removeprefix("… ").removesuffix(" …") for part in parts)
    assert joined == text
    assert passages("x" * LONG) == ["x" * LONG]
    assert len(passages("y" * 10 * LONG)) > 1


def test_code_between_fences_stays_whole_where_it_fits() -> None:
    code = "```python\n" + "\n".join(f"line_{n} = {n}" for n in range(30)) + "\n```"
    text = "This is how it goes. " * 15 + f"\n{code}\n" + "And so on. " * 40
    assert any(code in part for part in passages(text))

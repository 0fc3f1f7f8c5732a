"""Counts what a memory model notes of 24 messages: facts that are right, wrong and missed.

Run `python -m evals.noted_facts say | mnemo chat --json`, then
`mnemo facts --json | python -m evals.noted_facts`.
"""

import json
import sys

MESSAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("My name is Alex and I live in Bergen with my sister Ida.", ("bergen", "ida sister")),
    ("I am not allergic to nuts, but Ida is.", ("not allergic nuts",)),
    ("We have two cats, Miso and Tofu.", ("miso tofu",)),
    ("What would be a good name for a third cat?", ()),
    ("I start at the harbour office on 3 March.", ("harbour 3 march",)),
    ("Before that I worked for nine years as a nurse.", ("nurse nine",)),
    ("If I won the lottery I would buy a castle in Scotland.", ()),
    ("I moved to Oslo last week because rents in Bergen were too high.", ("moved oslo",)),
    ("Never call me before ten, I sleep late.", ("before ten",)),
    ("My grandmother Solveig turned 91 in June.", ("solveig 91",)),
    ("Write me a poem in which I am a pirate with a parrot.", ()),
    ("I gave up smoking in 2019.", ("smoking 2019",)),
    ("My sister plays the cello in the city orchestra.", ("sister cello",)),
    ("Thanks, that was really kind of you!", ()),
    ("My bicycle, a red Peugeot, was stolen on Sunday.", ("peugeot stolen",)),
    ("I do not drink coffee any more, only green tea.", ("not coffee", "green tea")),
    ("Our flat is on the fourth floor and has no lift.", ("fourth floor", "no lift")),
    ("My boss is called Henrik Dahl.", ("henrik dahl boss",)),
    ("Is it true that octopuses have three hearts?", ()),
    ("I run 10 km every Tuesday with my neighbour Farid.", ("10 km farid",)),
    ("Meine Mutter kommt aus Leipzig.", ("mutter leipzig|mother leipzig",)),
    ("J'ai deux enfants, Léa et Hugo.", ("léa hugo",)),
    ("No como carne desde 2015.", ("no carne 2015|not meat 2015",)),
    ("I am engaged to Priya; the wedding is on 8 August.", ("engaged priya", "8 august")),
)
"""Each message, and the words that a note must have for each fact that the message states."""


def judge(notes: list[str]) -> tuple[int, int, int]:
    """Return how many stated facts are noted, how many notes state none, what is not noted."""
    stated = [fact for _, facts in MESSAGES for fact in facts]
    fits = {fact: {note for note in notes if _says(note, fact)} for fact in stated}
    right = sum(map(bool, fits.values()))
    wrong = set(notes) - set().union(*fits.values())
    return right, len(wrong), len(stated) - right


def _says(note: str, fact: str) -> bool:
    said = note.casefold().replace("n't", " not")
    return any(all(word in said for word in way.split()) for way in fact.split("|"))


if __name__ == "__main__":
    if "say" in sys.argv:
        print("\n".join(message for message, _ in MESSAGES))
    else:
        counts = judge([fact["text"] for fact in json.load(sys.stdin)])
        print("right {}, wrong {}, missed {}".format(*counts))

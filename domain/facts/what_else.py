"""What else a text or a turn says of whoever says it, beside what is forgotten."""

from collections.abc import Collection

from domain.facts.same_statement import tell
from domain.records import Turn
from domain.text.languages import LANGUAGES, language_of, plain
from domain.text.sentences import clauses, sentences
from domain.text.statements import first_person
from domain.text.terms import strong_terms
from domain.text.vocabulary import ENGLISH


def what_else(text: str, forgotten: Collection[str]) -> list[str]:
    """Return the clauses of a text in which who says it says something else of themselves."""
    parts = [_beginning(part) for part in clauses(text)]
    other = [part for part in parts if first_person(part) and strong_terms(part)]
    return [part for part in other if not tell(part, forgotten)] if len(parts) > 1 else []


def _beginning(clause: str) -> str:
    """Return a clause as a sentence begins: without the "and" before it."""
    joins = LANGUAGES[language_of(clause) or ENGLISH].words("contrasts")
    first, _, rest = clause.partition(" ")
    clause = rest if rest and plain(first) in joins else clause
    return clause[:1].upper() + clause[1:]


def without_forgotten(turn: Turn, forgotten: Collection[str]) -> Turn | None:
    """Return a turn with what else its user says in it; None where it says nothing forgotten."""
    if not any(tell(said.text, forgotten) for said in turn.messages):
        return None
    left = []
    for said in turn.messages:
        parts = (
            part
            for sentence in sentences(said.text if said.role == "user" else "")
            for part in (
                what_else(sentence, forgotten) if tell(sentence, forgotten) else [sentence]
            )
        )
        left.append(said.model_copy(update={"text": "\n".join(parts)}))
    return turn.model_copy(update={"messages": tuple(left)})

"""What else a text or a turn says of whoever says it, beside what is forgotten."""

from collections.abc import Collection

from domain.facts.same_statement import content_of, says, tell
from domain.records import Turn
from domain.text.languages import ENGLISH, language_of, plain, read_as
from domain.text.sentences import clauses, sentences
from domain.text.statements import first_person
from domain.text.terms import strong_terms


def what_else(text: str, forgotten: Collection[str]) -> list[str]:
    """Return the clauses of a text in which who says it says something else of themselves.

    What has no subject belongs to the clause before it: "I live in Oslo, work as a baker". So does
    what only says what that is: "Call me on 5550199, that is my number".
    """
    parts = list(clauses(text, "joins"))
    left: list[str] = []
    goes_on = False
    for part in parts if len(parts) > 1 else ():
        if _is_part(part, forgotten) or tell(part, forgotten):
            if goes_on and _only_names(part, forgotten):
                left.pop()
            goes_on = False
        elif first_person(part) and strong_terms(part):
            left.append(_beginning(part))
            goes_on = True
        elif goes_on and (goes_on := not tell(f"{left[-1]} {part}", forgotten)):
            left[-1] += f", {part}"
    return left


def _is_part(clause: str, forgotten: Collection[str]) -> bool:
    """Return whether a statement to forget holds a clause: "in March, I moved to Rome" the last."""
    several = len(content_of(clause, language_of(clause) or ENGLISH)) > 1
    return several and any(says(statement, clause) for statement in forgotten)


def _only_names(clause: str, forgotten: Collection[str]) -> bool:
    """Return whether a clause only says what something is: "that is my number", not "my number"."""
    code = language_of(clause) or ENGLISH
    said, begin = content_of(clause, code), _beginning(clause).partition(" ")[0]
    mine = first_person(clause) and not first_person(begin)
    return bool(mine) and any(said <= content_of(each, code) for each in forgotten)


def _beginning(clause: str) -> str:
    """Return a clause as a sentence begins: without the "and" before it."""
    language = read_as(clause)
    first, _, rest = clause.partition(" ")
    joins = language.words("contrasts") | language.words("joins")
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

"""What weak models write in place of a form is read if it can be, and believed if it was said."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from langchain_core.messages import AIMessage, ToolCall

from domain.facts.extraction import Extraction, Source
from domain.records import Fact
from models.errors import MalformedReply
from models.memory import read_form
from models.memory.notes import read_extraction
from models.memory.read_form import read_object
from models.memory.schemas import ExtractionForm, schema

AT = datetime(2026, 5, 8, 14, tzinfo=UTC)
SAID = (
    "I moved to Denver last week.",
    "My sister Ola, who is 31, is allergic to nuts.",
    "Ich trinke keinen Kaffee mehr.",
    "¿Dónde está mi bici? Tengo dos gatos.",
)
KNOWN = Fact(
    id="old",
    text="The user lives in Boston.",
    slot="home",
    sources=("t0/0",),
    observed_at=AT,
    valid_from=AT,
)


def read(text: str) -> Extraction:
    messages = [Source(ref=f"t{n}/0", text=said, at=AT) for n, said in enumerate(SAID, 1)]
    return read_extraction(read_object(AIMessage(text), ExtractionForm), messages, [KNOWN])


@pytest.mark.parametrize(
    "text",
    [
        'Sure! {here} it is:\n{"facts": [{"text": "The user moved to Denver.", "source": "m1"}]}',
        '```json\n{"facts": [{"text": "The user moved to Denver.", "source": "1",},],}\n```',
        '[{"text": "The user moved to Denver.", "source": "[m1]"}]',
        '{"text": "The user moved to Denver.", "source": 1}',
        "{'facts': [{'text': 'The user moved to Denver.', 'source': 'm1', 'slot': None}]}",
        '<think>{"facts": []}?</think>{"facts": [{"text": "The user moved to Denver."}]}',
        '{"facts": [{"text": "The user moved to Denver.", "source": "m1", "slot": "n/a"}',
        '{"answer": {"facts": [{"text": "The user moved to Denver.", "source": "m9"}]}}',
        '{"facts": [{"op": "supersede", "target": "None", "text": "The user moved to Denver."}]}',
        '{"facts": [{"op": "ADD", "text": "The user moved to Denver.", "kind": "odd"}]}',
        '{"facts": [{"text": "The user moved to Denver.", "subject": "I"}], "entities": null}',
        '{"Facts": [{"text": "The user moved to Denver."}], "Entities": []}',
        '{"facts": ["The user moved to Denver."]}',
        '{"facts": {"1": {"text": "The user moved to Denver.", "source": "m1"}}}',
        '{"facts": {"text": "The user moved to Denver.", "source": "m1"}}',
        '{"name": "Facts", "arguments": {"facts": [{"text": "The user moved to Denver."}]}}',
        json.dumps({"arguments": '{"facts": [{"text": "The user moved to Denver."}]}'}),
        '{"result": [{"text": "The user moved to Denver.", "source": "m1"}]}',
        '<tool_call>{"name": "f", "arguments": {"facts": ["The user moved to Denver."]}}',
        '[TOOL_CALLS] [{"name": "f", "arguments": {"facts": ["The user moved to Denver."]}}]',
        '{"facts": [], "entities": []}\nNo: {"facts": ["The user moved to Denver."]}',
        '{"facts": "The user moved to Denver."}',
        '{"facts": [{"op": "add", "statement": "The user moved to Denver.", "source": "m1"}]}',
    ],
)
def test_what_can_be_read_is_read(text: str) -> None:
    (fact,) = read(text).facts
    assert (fact.op, fact.text, fact.source) == ("add", "The user moved to Denver.", "t1/0")
    assert fact.slot is None and fact.subject == "user" and fact.target is None


BOTH = {"The user moved to Denver.", "Ola is 31."}


@pytest.mark.parametrize(
    "text",
    [
        '[{"fact": {"text": "The user moved to Denver."}}, {"fact": {"text": "Ola is 31."}}]',
        '[{"facts": [{"text": "The user moved to Denver."}]}, {"facts": ["Ola is 31."]}]',
        '{"results": [{"facts": {"text": "The user moved to Denver."}}, {"facts": "Ola is 31."}]}',
        '{"text": "The user moved to Denver."}\n{"text": "Ola is 31."}',
        '{"text": "The user moved to Denver."}\n{"text": "Ola is 31.",',
        '{"facts": ["The user moved to Denver."]}\nAnd:\n{"facts": ["Ola is 31."]}',
        '[[{"text": "The user moved to Denver."}], [{"text": "Ola is 31."}]]',
        '[{"name": "Ola", "attributes": [{"text": "is old"}]}, '
        '{"text": "The user moved to Denver."}, {"text": "Ola is 31."}]',
        '[{"text": "The user moved to Denver."}, {"text": "Ola is 31."}, '
        '{"name": "Ola", "kind": "person", "attributes": {"facts": "none"}}]',
        '{"type": "object", "properties": {"facts": {"type": "array"}}}\n'
        '{"facts": ["The user moved to Denver.", "Ola is 31."]}',
        json.dumps(schema(ExtractionForm))
        + '\n{"facts": ["The user moved to Denver.", "Ola is 31."]}',
        '{"Facts": [{"Text": "The user moved to Denver."}, {"TEXT": "Ola is 31."}], '
        '"Entities": [{"Name": "Ola"}]}',
    ],
)
def test_all_that_an_answer_notes_is_read(text: str) -> None:
    read_back = read(text)
    assert {fact.text for fact in read_back.facts} == BOTH
    assert [entity.name for entity in read_back.entities] == ["Ola"] * (
        '"name": "ola"' in text.lower()
    )


def test_several_calls_are_read_together() -> None:
    calls: list[ToolCall] = [
        {"name": "f", "args": {"facts": [{"text": text}]}, "id": text} for text in sorted(BOTH)
    ]
    filled = read_object(AIMessage("", tool_calls=calls), ExtractionForm)
    assert {fact["text"] for fact in filled["facts"]} == BOTH


@pytest.mark.parametrize("facts", ['{"home": "Denver", "sister": "Ola"}', '["Denver", "Ola"]'])
def test_a_word_alone_is_no_fact(facts: str) -> None:
    assert not read(f'{{"facts": {facts}}}').facts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No facts.",
        '{"properties": {"facts": {"type": "array", "items": {"text": {"type": "string"}}}}}',
        "{",
        '{"facts',
        '{"mood": "good"}',
        "[1, 2]",
        "[" * 5_000,
        '{"facts":' * 3_000,
        '{"facts": [{"text": "' * 300,
        '{"' * 3_000,
        '["' * 50_000,
    ],
    ids=range(12),
)
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(MalformedReply):
        read(text)


@pytest.mark.parametrize(
    "text", ['{"', '["', '{"facts": [{"text": "', '[{"a" ', "{`", "(", '{"a":[']
)
def test_no_answer_takes_long_to_read(text: str) -> None:
    begun = time.thread_time()
    with suppress(MalformedReply):
        read(text * (6_000 // len(text)))
    assert time.thread_time() - begun < 1


def test_of_a_long_answer_that_is_nearly_json_the_first_items_are_read_and_none_by_half() -> None:
    fact = '{"text": "The user moved to Denver.", "source": "m1"}, '
    facts = read('{"facts": [' + fact * 500).facts
    assert len(facts) > 100 and {fact.text for fact in facts} == {"The user moved to Denver."}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Ola is not allergic to nuts.", 2),
        ("Ola is 32.", 2),
        ("The user is allergic to nuts and to shellfish.", 2),
        ("Olga is allergic to nuts.", 2),
        ("The user lives in Oslo.", 1),
        ("Where is the user's bicycle?", 4),
        ("¿Dónde está la bici?", 4),
        ("Der Nutzer trinkt Kaffee.", 3),
        ("El usuario tiene tres gatos.", 4),
        ("El usuario no tiene gatos.", 4),
        ("...", 1),
        ("🙂", 2),
        ("The user.", 1),
        ("He is.", 2),
    ],
)
def test_what_nobody_said_is_dropped_and_counted(text: str, number: int) -> None:
    read_back = read(f'{{"facts": [{{"text": "{text}", "source": "m{number}"}}]}}')
    assert not read_back.facts and read_back.dropped == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The user's sister Ola is 31.", 2),
        ("Der Nutzer trinkt keinen Kaffee.", 3),
        ("El usuario tiene dos gatos.", 4),
    ],
)
def test_what_was_said_is_kept_in_its_language(text: str, number: int) -> None:
    assert read(f'{{"facts": [{{"text": "{text}", "source": "m{number}"}}]}}').facts


def test_an_answer_full_of_brackets_that_are_no_json_is_repaired_a_few_times_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts: list[str] = []
    monkeypatch.setattr(read_form, "repaired", texts.append)
    with pytest.raises(MalformedReply):
        read("see [1] and {x} " * 300)
    assert len(texts) == read_form._REPAIRS


def test_a_fact_replaces_only_one_that_is_about_the_same() -> None:
    forms = '{{"facts": [{{"op": "supersede", "target": "f1", "text": "{}", "source": "{}"}}]}}'
    (moved,) = read(forms.format("The user lives in Denver.", "m1")).facts
    (other,) = read(forms.format("Ola is allergic to nuts.", "m2")).facts
    assert (moved.op, moved.target) == ("supersede", "old") and other.op == "add"


@pytest.mark.parametrize(
    "name", ["Barack Obama", "employer", "Pittsburgh", "user", "Ola Hansen", "-", "..."]
)
def test_an_entity_that_nobody_named_is_dropped(name: str) -> None:
    entity = (
        f'{{"facts": [], "entities": [{{"name": "{name}", "kind": "person", "source": "m2"}}]}}'
    )
    assert not read(entity).entities

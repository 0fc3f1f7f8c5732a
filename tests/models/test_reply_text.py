"""What is no part of a reply is neither shown nor stored, in whatever pieces it comes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.provider.reply_text import is_call, is_plain, read_call, shown, shown_plain
from models.provider.spoken_text import thoughts

CALLS = [
    '<minimax:tool_call>\n<invoke name="search_memory">\n<parameter name="query">red bike',
    '<tool_call>\n{"name": "search_memory", "arguments": {"query": "red bike"}}\n</tool_call>',
    '{"name": "search_memory", "parameters": {"query": "red bike"}}',
    '```json\n{\n  "name": "search_memory",\n  "arguments": {"query": "red bike",}\n}\n```',
    '[TOOL_CALLS][{"name": "search_memory", "arguments": {"query": "red bike"}}]',
    '<function=search_memory>{"query": "red bike"}</function>',
    'search_memory(query="red bike")',
    '{"type": "function", "function": {"name": "search_memory", "arguments": '
    '"{\\"query\\": \\"red bike\\"}"}}',
    '{"query": "red bike"}',
    "<think>Where is it?</think>search_memory(query='red bike')",
    'Let me look.\n<tool_call>{"name": "search_memory", "arguments": {"query": "red bike"}}',
    '<|python_tag|>search_memory.call(query="red bike")',
    '[TOOL_CALLS]search_memory[ARGS]{"query": "red bike"}',
    "<function=search_memory>\n<parameter=query>\nred bike\n</parameter>\n</function>",
    '<invoke name="search_memory">\n<parameter name="query">red bike</parameter>\n</invoke>',
    "<tool_call>search_memory\n<arg_key>query</arg_key>\n<arg_value>red bike</arg_value>",
    '```tool_code\nprint(search_memory("red bike"))\n```',
    '{"action": "search_memory", "action_input": {"query": "red bike"}}',
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="search_memory">\n'
    '<｜DSML｜parameter name="query" string="true">red bike</｜DSML｜parameter>\n'
    "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
    '{"name": "functions.search_memory", "arguments": {"query": "red bike"}}',
    "{'name': 'search_memory', 'arguments': {'query': 'red bike'}}",
    'SearchMemory(query="red bike")',
    "<start_function_call>call:search_memory{query:<escape>red bike<escape>}<end_function_call>",
    '<|tool_call>call:search_memory{query:<|"|>red bike<|"|>}<tool_call|>',
    '<|START_ACTION|>[\n{"tool_name": "search_memory", "parameters": {"query": "red bike"}}\n]',
    '<|python_start|>[search_memory(query="red bike")]<|python_end|>',
    "{“name”: “search_memory”, “arguments”: {“query”: “red bike”}}",
    '<tool_call>{"name": "search_memory", "arguments": {"query": "red bike"}}</tool_call>\n'
    '<tool_call>{"name": "search_memory", "arguments": {"query": "blue bike"}}</tool_call>',
    '<|channel|>commentary to=functions.search_memory <|message|>{"query": "red bike"}<|call|>',
    '<｜tool▁calls▁begin｜>function<｜tool▁sep｜>search_memory\n```json\n{"query": "red bike"}',
    '<|tool_call_begin|> functions.search_memory:0 {"query": "red bike"} <|tool_call_end|>',
    'Action: search_memory\nAction Input: {"query": "red bike"}\nObservation: It is red.\nSo, red.',
    "Action: search_memory\nAction Input: red bike",
    'Tool: search_memory\nquery: "red bike"',
    "search_memory:\n  query: red bike",
    'search_memory["red bike"]',
    '{"search_memory": "red bike"}',
    '<search_memory query="red bike"/>',
    '<tools>\n{"name": "search_memory", "arguments": {"query": "red bike"}}\n</tools>',
    "<use_mcp_tool>\n<server_name>memory</server_name>\n<tool_name>search_memory</tool_name>\n"
    '<arguments>\n{"query": "red bike"}\n</arguments>\n</use_mcp_tool>',
    '<｜｜DSML｜｜tool_calls>\n<｜｜DSML｜｜invoke name="search_memory">\n'
    '<｜｜DSML｜｜parameter name="query">red bike</｜｜DSML｜｜parameter>\n</｜｜DSML｜｜invoke>',
    '< | DSML | tool_use>\n< | DSML | invoke name="search_memory">\n< | DSML | parameter '
    'name="query">red bike</ | DSML | parameter>\n</ | DSML | invoke>\n</ | DSML | tool_use>',
    '<tool_call>\n{"name": "search_memory", "arguments": {"query": "red bike"}}\n</tool_call>\n'
    '<tool_response>\n{"result": "It is red."}\n</tool_response>\nYou have a red bike.',
    '<think>Hm.</think>\n<answer>\n<tool_calls>[{"name": "search_memory", "arguments": '
    '{"query": "red bike"}}]</tool_calls>\n</answer>',
    '<|python_tag|>memory.call(query="red bike")',
    '<tool_call>\n{"name": "search_memory", "arguments": {"query": "red bike"}}\n</tool_call>\n'
    "I will tell you what I find.",
    '```json\n{"name": "search_memory", "arguments": {"query": "red bike"}}\n```\n'
    "This looks for it.",
]
IN_WORDS = [
    'call search_memory with query "red bike"',
    "Use search_memory to look for 'red bike'.",
    "Tool: search_memory, query: red bike",
]
PLAIN = [
    "I have search_memory and forget_memory, which doesn't say much.",
    'I used search_memory but found nothing about "Rome".',
    "My tools are search_memory, which takes a query, and forget_memory.",
    'With search_memory I found this: "I live in Rome", and more.',
    'I would call forget_memory with "I live in Rome". Shall I?',
    'Call forget_memory with "I live in Rome".',
    'Use search_memory with "Rome" and you will see what I noted.',
    "The bike is red [1] and costs < 5 {euros}.",
    "`code` and <b>bold</b> and {braces} are fine",
    'Here is JSON:\n```json\n{"name": "Ann", "age": 3}\n```\nDone.',
    "see seas search",
    "I can look it up with `search_memory`, the tool that is called search_memory.",
    "analysis of a thought: a [think] tag, a channel, assistant and final.",
    "A [THINKING] cap, a function call f(x), and <thinkers> of all ages.",
    "<domain>\n  <memory unit='KiB'>2097152</memory>\n</domain>",
    "Use this:\n```xml\n<memory>524288</memory>\n```\nand restart.",
    "DeepSeek wraps its reasoning in <think> tags and then answers.",
    "It puts `<think>` before and `</think>` after its reasoning.",
    "It looks so:\n```\n<think>\nWhat now?\n</think>\nHello!\n```\nNo more.",
    "DeepSeek ends its reasoning with the tag </think>. Everything after it is the answer.",
    "Everything up to </think>, that is. Strip the closing tag (</think>) or **</think>** first.",
    "DeepSeek R1 wraps its reasoning in <think> and </think> tags.",
    "Sure:\n```python\ntext = re.sub(r'.*</think>', '', text)\n```\nThat's it.",
    "Sure:\n```\nHm.\n</think>\nHello.\n```\nThe thought ends before the answer.",
    "| tag | meaning |\n|---|---|\n| <think> | opens |\n| </think> | closes |",
    "Write “</think>” at the end, that's important.",
    "ChatML ends each turn with `<|im_end|>` and begins it with `<|im_start|>`.",
    "```\n<|im_start|>user\nHi<|im_end|>\n```\nis one turn.",
    'Hermes: <tool_call>{"name": "get_weather"}</tool_call>, and the result comes in tags.',
    "Mistral writes [TOOL_CALLS] before a list of calls.",
    "Mistral writes [TOOL_CALLS] before its JSON. See [the docs](https://docs.mistral.ai)",
    '```\n[TOOL_CALLS] [{"name": "get_weather"}]\n```\nThat is the format Mistral writes.',
    '<tool_call>\n{"name":"x"}\n</tool_call>\nis how Hermes does it.',
    "Hermes puts calls between <tool_call> tags, as you saw (yesterday).",
    "I'd wrap it in a <function_call> element, that's all :)",
    "My recall is called search_memory: it looks up older turns (yours).",
    "I have two tools: search_memory (looks up) and forget_memory (forgets).",
    "search_memory is the tool I use.",
    "<b>search_memory</b> takes a query: what to look for.",
    'I would write `<tool_call>{"name": "search_memory", "arguments": {"query": "x"}}`, so.',
    "My search_memory(query) tool takes words (yours)",
    "```python\ndef search_memory(query):\n    return index.find(query)\n```",
    "Please send your commentary to=editor@example.com (today)",
    '{"query": {"match": {"title": "dog"}}}',
    "Phi writes <|user|> before your turn and <|assistant|> before its own.",
    "<|user|> begins your turn, <|assistant|> that of the model.",
    "| token | of |\n|---|---|\n| <|user|> | you |\n| <|assistant|> | it |",
    "Llama 2 puts [INST] before and [/INST] behind what you say.",
    "<answer>\n42\n</answer>\nis the form that you asked for.",
    "The user is called Ann. A human may err.",
    "Zephyr looks like this:\n\n<|user|>\nHi</s>\n<|assistant|>\nHello</s>\n\nThat is all.",
    "<p>Total:<s>User fee $5</s> free</p>\n\nThat is the HTML.",
    "The BOS token is <s>",
    "<s>old price</s> $20",
]


TEMPLATES = [
    "Hello.<|im_end|>\n<|im_start|>user\nAnd you?<|im_end|>\n<|im_start|>assistant\nI",
    "Hello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd you?",
    "Hello.</s>\n<|user|>\nAnd you?</s>",
    "Hello.<end_of_turn>\n<start_of_turn>user\nAnd you?",
    "Hello.</s>[INST]And you?",
    "Hello.<|end|><|start|>user<|message|>And you?",
    "<|im_start|>assistant\nHello.",
    "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>",
    "<|start_of_role|>assistant<|end_of_role|>Hello.",
    "<start_of_turn>model\nHello.<end_of_turn>",
    "<|assistant|>\nHello.",
    "<|channel|>final <|constrain|>text<|message|>Hello.",
    "assistantanalysisThe user greets.assistantfinalHello.",
    "assistantfinalHello.",
    "<|inner_prefix|>Hm.<|inner_suffix|>Hello.",
    "<longcat_think>Hm.</longcat_think>Hello.",
]


def streamed(text: str, size: int) -> str:
    """Return what is shown of a reply that comes in pieces."""
    seen = ""
    for end in range(size, len(text) + size, size):
        now = shown(text[:end], final=False)
        assert now.startswith(seen), "nothing is taken back"
        seen = now
    return seen


@pytest.mark.parametrize("text", CALLS)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_tool_call_written_as_text_is_read_and_never_shown(text: str, size: int) -> None:
    assert is_call(text) and read_call(text) == "red bike"
    for part in (streamed(text, size), shown(text, final=True)):
        assert part.strip() in ("", "Let me look.", "Action:", "Tool:")


@pytest.mark.parametrize("text", IN_WORDS)
def test_a_call_in_plain_words_is_one_and_its_name_is_never_shown(text: str) -> None:
    assert is_call(text) and read_call(text) == "red bike"
    for part in (streamed(text, 1), streamed(text, 7), shown(text, final=True)):
        assert "_memory" not in part


@pytest.mark.parametrize(
    "text",
    ["<function-name>search_memory", "search_memory", "<tool_call>",
     "<tool_call>search_memory" + '{"a":' * 3_000],
    ids=range(4),
)  # fmt: skip
def test_a_call_that_cannot_be_read_is_one_all_the_same(text: str) -> None:
    assert is_call(text) and read_call(text) is None and not shown(text, final=True).strip()


@pytest.mark.parametrize("text", ['{"query": "red bike"}', 'So: <tool_call>{"name": "look_up"}'])
def test_a_call_that_names_no_tool_is_one_only_where_tools_were_offered(text: str) -> None:
    assert is_call(text) and shown(text, final=True) in ("", "So: ")
    assert not is_call(text, offered=False)
    assert shown(text, final=True, offered=False) == text


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("size", [1, 5])
def test_other_brackets_and_tags_are_shown_as_they_are(text: str, size: int) -> None:
    assert not is_call(text)
    assert shown(text, final=True) == text and text.startswith(streamed(text, size))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('<memory id="ab12">\nOld.\n</memory id="ab12">\n\nHello.', "Hello."),
        ('Hello. <memory id="ab12">', "Hello."),
        ('</memory id="ab12"> Hello.', "Hello."),
        ('<memory id="ab12">\nOnly this.\n</memory id="ab12">', "Only this."),
        ('<text id="b8f5a3d7bead8cd0">\nHello.\n</text id="b8f5a3d7bead8cd0">', "Hello."),
        ("<think>Hm.</think>\nHello.", "Hello."),
        ("Hm, hm.</think>Hello.", "Hello."),
        ("The tag </think> ends it.", "The tag </think> ends it."),
        ("Hm, hm.\n</think> hi there.", "hi there."),
        ("A lone ` and so on.</think>\n\nHello.", "Hello."),
        ("A lone ` here. <think>Hm.</think> and ` there.", "A lone ` here. and ` there."),
        ("```\n<think>Hm.</think>\nHello.", "```\nHello."),
        ("<scratch_pad>Hm.</scratch_pad>Hello.", "Hello."),
        ("[THINK]Hm.[/THINK]Hello.", "Hello."),
        ("<seed:think>Hm.</seed:think>One <thinking>hm</thinking>two.", "One two."),
        ("◁think▷Hm.◁/think▷Hello.", "Hello."),
        ("Hm, hm.◁/think▷Hello.", "Hello."),
        ("<thought>Hm.</think>Hello.", "Hello."),
        ("<reasoning>Hm, hm, and no end", ""),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final"
            "<|message|>Hello.<|return|>",
            "Hello.",
        ),
        (
            "<|channel|>analysis<|message|>Hm.<|start|>assistant<|channel|>final<|message|>Hello.",
            "Hello.",
        ),
        ("<|channel|>final<|message|>Hello.", "Hello."),
        ("<|channel|>analysis<|message|>Hm, and no end", ""),
        ("analysisThe user greets.assistantfinalHello.", "Hello."),
        ("<|begin_of_thought|>Hm.<|end_of_thought|>Hello.", "Hello."),
        ("<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Hello.<|END_RESPONSE|>", "Hello."),
        ("<|channel>thought\nHm.<channel|>Hello.", "Hello."),
        ("Hello.<|im_end|>", "Hello."),
        ("Hello.<|endoftext|>", "Hello."),
        ("Hello.<｜end▁of▁sentence｜>\n", "Hello."),
        ("Hello.</s>", "Hello."),
        ("Hello.<end_of_turn>\n", "Hello."),
        ("The token <|endoftext|> ends a text.", "The token <|endoftext|> ends a text."),
        ("<data-0a1b2c3d>Hello.</data-0a1b2c3d>", "Hello."),
        ("broken \ud83d and whole \ud83d\ude00", "broken \ufffd and whole 😀"),
    ],
)
def test_delimiters_and_thoughts_are_no_part_of_a_reply(text: str, left: str) -> None:
    assert shown(text, final=True).strip() == left


@pytest.mark.parametrize("text", TEMPLATES)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_what_a_template_leaves_and_the_others_turn_are_no_part_of_a_reply(
    text: str, size: int
) -> None:
    assert shown(text, final=True).strip() == "Hello." and not is_call(text)
    assert "Hello.".startswith(streamed(text, size).strip())


@pytest.mark.parametrize("size", [1, 3, 10])
@pytest.mark.parametrize(
    "text",
    [
        "◁think▷Hm.◁/think▷Hello.",
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.",
        "analysisHm.assistantfinalHello.",
        "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Hello.<|END_RESPONSE|>",
        "[THINK]Hm.[/THINK]Hello.",
    ],
)
def test_thoughts_are_never_shown_while_a_reply_streams_but_apart(text: str, size: int) -> None:
    assert streamed(text, size).strip() in ("", "Hello.") and thoughts(text) == "Hm."
    assert shown(text, final=True) == "Hello."


PIECES = st.sampled_from(
    [
        piece
        for text in (*CALLS, *IN_WORDS, *PLAIN, *TEMPLATES)
        for piece in (text, text[:9], text[9:30])
    ]
) | st.sampled_from([*"abst<[{`\n (\"'", "◁think▷", "[THINK]", "analysisHm", "assistant", "mem"])


@given(st.lists(PIECES, max_size=6), st.integers(1, 9))
def test_a_reply_that_is_called_plain_is_shown_as_if_it_were_read_whole(
    pieces: list[str], size: int
) -> None:
    text = "".join(pieces)
    for end in range(size, len(text) + size, size):
        raw = text[:end]
        if not is_plain(raw, size):
            break
        assert (shown_plain(raw), "") == (shown(raw, final=False), thoughts(raw))


@pytest.mark.parametrize(
    "text",
    [
        "<",
        "{",
        "[",
        "<memory>",
        "<think>",
        "</",
        '{"name": ',
        " ",
        "a",
        "```",
        "\n",
        ":<a1>:<a2>",
        '["',
        '{"a" ',
        "<s>",
        "<|a|> ",
        ".<|user|>\n",
        "query: x\n",
        "<tool_response>",
    ],
)
def test_no_text_takes_long_to_judge(text: str) -> None:
    long = (text * 20_000)[:20_000]
    begun = time.process_time()
    shown(long, final=True)
    is_call(long)
    read_call(long)
    thoughts(long)
    assert time.process_time() - begun < 0.5

"""Takes secrets out of text before it is remembered for long: keys, tokens, cards, passwords.

The rules for keys and tokens are those of detect-secrets, and a few forms it does not know; a
card number must pass its check digit. How a password is spoken of stands with the languages.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from importlib import import_module

from stdnum import luhn

from domain.passwords import passwords
from domain.records import Turn

REDACTED = "[secret removed]"
"""What stands in the place of a secret."""

_PLUGINS = (
    "artifactory.ArtifactoryDetector",
    "aws.AWSKeyDetector",
    "azure_storage_key.AzureStorageKeyDetector",
    "discord.DiscordBotTokenDetector",
    "github_token.GitHubTokenDetector",
    "gitlab_token.GitLabTokenDetector",
    "mailchimp.MailchimpDetector",
    "private_key.PrivateKeyDetector",
    "pypi_token.PypiTokenDetector",
    "sendgrid.SendGridDetector",
    "slack.SlackDetector",
    "square_oauth.SquareOAuthDetector",
    "stripe.StripeDetector",
    "twilio.TwilioKeyDetector",
)
_ALONE = r"(?<![A-Za-z0-9])"
"""Where a key begins: also behind a letter of a script without spaces."""
_KEYS = (
    # Whole key blocks, and current forms of provider keys that the library does not know yet.
    re.compile(
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^-]|-(?!----END ))*+(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
    ),
    re.compile(rf"{_ALONE}(?:sk|pk|rk)-[A-Za-z0-9_-]{{20,}}"),
    re.compile(rf"{_ALONE}(?:github_pat|gh[opusr]|hf|npm|gsk|xai|shpat)_[A-Za-z0-9_]{{20,}}"),
    # What providers put before a key, then letters and digits at random.
    re.compile(
        rf"{_ALONE}[a-z][a-z0-9]{{1,9}}(?:[_-][a-z0-9]{{1,8}}){{0,2}}[_-]"
        r"(?=[A-Za-z]{0,40}\d)(?=\d{0,40}[A-Za-z])[A-Za-z0-9]{20,}[A-Za-z0-9_-]*"
    ),
    re.compile(rf"{_ALONE}(?:ya29\.|hv[bs]\.|1//0|xapp-)[A-Za-z0-9_-]{{20,}}"),
    re.compile(rf"{_ALONE}(?:EAA[A-Za-z0-9]{{30,}}|AGE-SECRET-KEY-1[A-Z0-9]{{40,}})"),
    re.compile(rf"{_ALONE}eyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]+)?"),
    re.compile(rf"{_ALONE}\d{{8,10}}:[A-Za-z0-9_-]{{35}}(?![A-Za-z0-9_-])"),  # of Telegram's bots
    re.compile(rf"{_ALONE}AIza[A-Za-z0-9_-]{{35}}"),
    re.compile(rf"{_ALONE}(?i:Bearer)\s{{1,3}}[A-Za-z0-9._~+/-]{{20,}}=*"),
)
_IN_URL = re.compile(r"://[^\s:/@]{0,200}:(?P<secret>(?!\d{1,5}/)[^\s@]{1,200})@")
"""A password in a URL, also with a "/" that should be escaped; a port and a path are none."""
_BEFORE_HOST = re.compile(
    r"(?<![\w.@/:-])[\w.-]{1,40}:(?P<secret>[^\s:/@]{4,80})@"
    r"(?:(?:[\w-]{1,40}\.){2,6})?[\w-]{1,40}(?![\w-]|\.\w)"
)
"""The same without "://": "bob:...@nas", but not "mail:bob@example.com", whose host has one dot."""
_ON_A_LINE = re.compile(
    r"(?:\s(?:-u|--user)[= ]{1,2}[^\s:]{1,80}:|authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
    r"(?:[a-z]{1,12}\s{1,3})?+)(?P<secret>[^\s\"']{4,})",
    re.IGNORECASE,
)
"""As programs are given one: `curl -u name:...`, and the header of a request."""
_ASSIGNED = re.compile(
    r"(?:(?:(?<![a-z])|(?-i:(?=K))|(?=key[^\w=]{0,7}=\W{0,8}[^\s\d]{0,80}+\d))key"
    r"|token|secret|passw(?:or)?d|passphrase|pwd|credentials?)[\"'`*]{0,3}\s{0,3}(?:=>?|:=)\s{0,3}"
    r"(?:[\"'`](?=[^\"'`\n]{4,200}[\"'`])(?P<quoted>[^\"'`\n]+)"
    r"|[\"'`]?(?P<secret>[^\s\"'`,;]{4,}))",
    re.IGNORECASE,
)
"""As in a program or a file of settings: the name of a secret, and "="; of a "monkey", a digit."""
_NAMED = re.compile(
    r"(?:(?<=[a-z])(?:[_-]|(?-i:(?=[KTSP])))(?:key|token|secret|password)|(?<![a-z])(?:pass|pw|psw))"
    r"[\"'`*]{0,3}\s{0,3}[:=]\s{0,3}[\"'`]?(?P<secret>(?=[^\s\d]{0,80}+\d)[^\s\"'`,;]{4,})",
    re.IGNORECASE,
)
"""As in a header or a form: a name that could mean more, ":", and something with a digit."""
_WORDS = r"(?:\d{0,4}+[A-Za-z]?+[a-z]*+\d{0,4}+[/+_=-]++)*+\d{0,4}+[A-Za-z]?+[a-z]*+\d{0,4}+"
"""Words and numbers joined: "Symphony-No-5-in-C-minor"."""
_CALLED = re.compile(
    r"(?:key|token|secret)[\"'`*]{0,3}(?:\s{0,3}[:=]|\s(?:is|was))?\s{1,3}[\"'`]?"
    rf"(?!(?-i:{_WORDS})(?![A-Za-z0-9/+_=-]))"
    r"(?P<secret>(?=[^\s\d]{0,80}+\d)(?=[^\sA-Za-z]{0,80}+[A-Za-z])[A-Za-z0-9/+_=-]{20,})",
    re.IGNORECASE,
)
"""As somebody says one: the word for a key, and letters and digits at random."""
_LOGIN = re.compile(
    rf"{_ALONE}(?:log-?in|username|credentials)[:=\s]{{1,3}}\S{{1,80}}"
    r"\s{0,3}/\s{0,3}(?P<secret>[^\s/]{3,80})",
    re.IGNORECASE,
)
_GAP = r"[\s._/·\-\u2010-\u2015\uff0d\u200b-\u200d\u2060\ufeff]{1,3}"
_CARD = re.compile(
    rf"(?<![\d.])(?:\d(?:[ -]?\d){{12,18}}|\d{{4}}(?:{_GAP}\d{{4}}){{2}}{_GAP}\d{{1,7}}"
    rf"|\d{{4}}{_GAP}\d{{6}}{_GAP}\d{{4,5}})(?![\d.]\d)"
)
_SEED = re.compile(r"(?<![\w'])[a-z]{3,8}(?:[ ]{1,3}[a-z]{3,8}){11,23}(?![\w'])")
_PROSE_WORDS = "the and are was for not but has had were from his her its our their"
_PROSE = frozenset(_PROSE_WORDS.split())
"""Small words of a sentence, none of them in the list that seed phrases are made of."""
_IDS = (
    "iban", "us.ssn", "de.idnr", "fr.nir", "es.dni", "es.nie", "it.codicefiscale", "nl.bsn",
    "pl.pesel", "pt.cc", "gb.nhs", "ca.sin", "br.cpf", "in_.aadhaar", "in_.pan", "cn.ric",
    "kr.rrn", "tr.tckimlik", "se.personnummer", "fi.hetu",
)  # fmt: skip
_ID = re.compile(r"(?<!\w)[A-Z]{0,6}\d(?:[ .-]?[A-Z0-9]){6,32}(?!\w)")


def redact(text: str, *, personal: bool = False) -> str:
    """Return the text with every secret that is found in it replaced.

    Args:
        text: What somebody said.
        personal: Replaces bank account numbers (IBAN), national ids and seed phrases too.
    """
    return REDACTED.join(_redacted(part, personal) for part in text.split(REDACTED))


def _redacted(text: str, personal: bool) -> str:
    spans = [*_secrets(text), *(_personal(text) if personal else ())]
    for start, end in reversed(_joined(spans)):
        text = text[:start] + REDACTED + text[end:]
    return text


def redact_turn(turn: Turn, *, personal: bool = False) -> Turn:
    """Return the turn with the secrets of its messages replaced; itself where there are none."""
    said = tuple(
        message.model_copy(update={"text": redact(message.text, personal=personal)})
        for message in turn.messages
    )
    return turn if said == turn.messages else turn.model_copy(update={"messages": said})


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    for rule in (*_rules(), *_KEYS):
        for match in rule.finditer(text):
            yield match.span()
    for rule in (_IN_URL, _BEFORE_HOST, _ON_A_LINE, _ASSIGNED, _NAMED, _CALLED, _LOGIN):
        for match in rule.finditer(text):
            yield match.span(match.lastgroup or "secret")
    yield from passwords(text)
    for match in _CARD.finditer(text):
        digits = "".join(str(unicodedata.decimal(each)) for each in match[0] if each.isdecimal())
        if luhn.is_valid(digits):
            yield match.span()


def _personal(text: str) -> Iterator[tuple[int, int]]:
    for match in _ID.finditer(text):
        if _is_id(match[0]):
            yield match.span()
    for match in _SEED.finditer(text):
        words = match[0].split()
        if len(words) % 3 == 0 and not _PROSE.intersection(words):
            yield match.span()


@cache
def _rules() -> tuple[re.Pattern[str], ...]:
    """Return the library's rules; they are loaded when first needed."""
    rules: list[re.Pattern[str]] = []
    for name in _PLUGINS:
        module, _, plugin = name.partition(".")
        rules += getattr(import_module(f"detect_secrets.plugins.{module}"), plugin)().denylist
    return tuple(rules)


@lru_cache(maxsize=4096)
def _is_id(number: str) -> bool:
    return any(valid(number) for valid in _id_checks())


@cache
def _id_checks() -> tuple[Callable[[str], bool], ...]:
    return tuple(import_module(f"stdnum.{name}").is_valid for name in _IDS)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in order, those that touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined

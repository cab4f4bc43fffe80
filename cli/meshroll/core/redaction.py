"""What must not leave the house: keys, tokens and logins taken out of data and texts.

Rather takes out too much, but not the sentence around it. What is called like no secret and looks like none stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshroll.core.places import shown_within

HIDDEN = "***"
_SECRET = re.compile(
    r"(?i)passw(or)?d|passphrase|\bpwd|_pwd|secret|token|credential|authorization|cookie|signature|key-data|keypem"
    r"|(api|access|private|account|routing|integration|shared|session)[-_]?key|(tls|ca|client)[-_.]key|_pem$"
)
# A file that holds one, the name of a Kubernetes Secret, a policy about them, and an error's code are none.
_NO_SECRET = re.compile(
    r"(?i)(file|path|name|ref|policy|expired|missing|denied|unreadable|unusable|invalid|refused|unknown|type)s?$"
)
_NEXT_LINE = r"[ \t]*(?:\r?\n|(?:\\r)?\\n)[ \t]*"
_LOOKS_SO = tuple(
    re.compile(pattern)
    for pattern in (
        # Its end may be cut off: then it goes as far as lines are base64. JSON writes a line's end as \n.
        (
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[A-Za-z0-9+/=]*"
            rf"(?:{_NEXT_LINE}(?:(?:Proc-Type|DEK-Info):[^\n\\]*|[A-Za-z0-9+/=]{{16,}}"
            r"|[A-Za-z0-9+/=]*(?=[^A-Za-z0-9+/= \t]|[ \t]*(?:[\r\n]|\Z))))*"
            r"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"
        ),
        r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]+",  # a PEM in base64, as kubeconfigs and Secrets have it
        r"\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*",  # JSON Web Tokens: those of service accounts
        r"\bk8s-aws-v1\.[\w-]+",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\bxox[a-z]-[\w-]+|\bgh[pousr]_\w{16,}|\bglpat-[\w-]{16,}",
        r"(?<=hooks\.slack\.com/)\S+|(?<=hooks\.slack-gov\.com/)\S+|/services/T[A-Z0-9]+/B[A-Z0-9]+/\w+",
        r"(?<=webhook\.office\.com/)\S+|(?<=pagerduty\.com/)\S+|(?<=discord\.com/api/webhooks/)\S+",
        r"(?<=:)[^\s@/:'\"]+(?=@[\w.-]+:\d)",  # the second half of a login, before a host and its port
    )
)
_AFTER_A_WORD = re.compile(r"\b(Bearer|Basic)\s+(?=\S*[\d=+/._~-])[\w.~+/=-]{6,}", re.IGNORECASE)
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"
# name: value at the beginning of a line goes to its end, as YAML has it; elsewhere to the next blank.
_LINE = re.compile(rf"(?m)^([ \t-]*[\"']?([\w.-]+)[\"']?[ \t]*:[ \t]+)({_QUOTED}|[^\s\"'{{\[|>].*)")
_ASSIGNED = re.compile(rf"([\"']?([\w.-]+)[\"']?\s*[:=]\s*)({_QUOTED}|[^\s\"'{{}}\[\]]+)")
_OPTION = re.compile(rf"(--([\w-]+)[\"']?(?:\s*,\s*|\s+|=))({_QUOTED}|[^\s\"'-][^\s\"']*)")
_PAIR = re.compile(
    rf"([\"']?name[\"']?\s*[:=]\s*[\"']?([\w.-]+)[\"']?[\s,]*[\"']?value[\"']?\s*[:=]\s*)({_QUOTED}|[^\s\"'{{}}\[\]]+)"
)


def without_secrets(value: Any) -> Any:
    """JSON data with every text in it as it may be shown; what stands under a key that is called like a secret goes as
    a whole, and so does the ``value`` beside such a ``name``. Numbers of seconds and the like are no secrets.
    """
    if isinstance(value, Mapping):
        named = str(value.get("name", ""))
        return {key: _under(named if key == "value" else str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return text_without_secrets(value) if isinstance(value, str) else value


def _under(name: str, value: Any) -> Any:
    hides = bool(value) and not isinstance(value, bool) and _called_so(name)
    return HIDDEN if hides else without_secrets(value)


def _called_so(name: str) -> bool:
    return _SECRET.search(name) is not None and _NO_SECRET.search(name) is None


def text_without_secrets(text: str) -> str:
    """Private keys, tokens and webhooks of the usual services, logins, and what is given to a name that is called like
    a secret: ``NAME=value``, ``name: value``, ``--name value``, and a ``name`` with its ``value``.
    """
    for pattern in _LOOKS_SO:
        text = pattern.sub(HIDDEN, text)
    text = _AFTER_A_WORD.sub(rf"\1 {HIDDEN}", text)
    for pattern in (_PAIR, _OPTION, _LINE, _ASSIGNED):
        text = pattern.sub(_hidden, text)
    return shown_within(text)


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}" if _called_so(found[2]) else found[0]

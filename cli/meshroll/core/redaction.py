"""What must not leave the house: keys, tokens and logins taken out of data and texts. Rather takes out too much."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshroll.core.places import shown_within

HIDDEN = "***"
_NAMED = r"[\w.-]*(?:passw|passphrase|secret|token|credential|authorization|api_?key|access_?key|private_?key)[\w.-]*"
_CALLED_SO = re.compile(_NAMED, re.IGNORECASE)
_IN_TEXT = (
    # The second half of a key may be cut off.
    re.compile(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(r"\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*"),  # JSON Web Tokens: those of service accounts
    re.compile(r"\bk8s-aws-v1\.[\w-]+"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"(?<=hooks\.slack\.com/)\S+"),
)
_AFTER_A_WORD = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"""(["']?\b{_NAMED}["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',;{{}}\[\]]+)""", re.IGNORECASE
)


def without_secrets(value: Any) -> Any:
    """JSON data with every text in it as it may be shown; what stands under a key that is called like a secret goes
    as a whole, unless it is no text.
    """
    if isinstance(value, Mapping):
        return {key: _under(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each) for each in value]
    return text_without_secrets(value) if isinstance(value, str) else value


def _under(key: str, value: Any) -> Any:
    if isinstance(value, str) and value and _CALLED_SO.fullmatch(key):
        return HIDDEN
    return without_secrets(value)


def text_without_secrets(text: str) -> str:
    """Private keys, tokens of Kubernetes, AWS and Slack, logins in addresses, and what is assigned to a name that is
    called like a secret.
    """
    for pattern in _IN_TEXT:
        text = pattern.sub(HIDDEN, text)
    text = _AFTER_A_WORD.sub(rf"\1 {HIDDEN}", text)
    return shown_within(_ASSIGNED.sub(rf"\1{HIDDEN}", text))

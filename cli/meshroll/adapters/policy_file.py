"""A policy to judge by, as a file beside the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from meshroll.core.errors import Problem, UsageError
from meshroll.core.settings import PREFIX

GATE = f"{PREFIX}gate"


def read(path: str) -> dict[str, Any]:
    """The file's ``meshroll_gate``, as a variable for Ansible; its keys are checked where an inventory's are.

    Raises UsageError where it is not YAML with just that in it.
    """
    try:
        policy = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _wrong(path, f"cannot be read: {error}") from error
    if not isinstance(policy, dict) or set(policy) != {GATE} or not isinstance(policy[GATE], dict):
        raise _wrong(path, f"is no policy: it has to hold {GATE} and nothing else")
    return policy


def _wrong(path: str, what: str) -> UsageError:
    return UsageError(
        Problem(
            "policy-wrong", f"{path} {what}.", f"Write {GATE}: in it, with the settings of an inventory's."
        )
    )

"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: conclude
short_description: Say whether a failed run is taken back
version_added: 0.1.0
description:
  - Reads the journal, so that a run that changed nothing undoes nothing.
author:
  - meshroll contributors (@meshroll)
options:
  failure:
    type: dict
    description: The failed task's result.
    required: true
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Conclude
  meshroll.linkerd.conclude:
    failure: "{{ ansible_failed_result }}"
"""

RETURN = r"""
roll_back:
  description: Whether what was changed is to be taken back.
  returned: success
  type: bool
to:
  description: C(fallback) or C(previous).
  returned: success
  type: str
"""

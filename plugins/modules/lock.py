"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lock
short_description: Take the cluster's lock from the run that holds it
version_added: 0.1.0
description:
  - The run that loses the lock stops before its next change.
  - Nobody gets it until whatever that run had begun has surely ended.
author:
  - meshroll contributors (@meshroll)
options:
  reason:
    type: str
    description: Why, for the journal of the run that loses it.
    required: true
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Take the lock from a run that hangs
  meshroll.linkerd.lock:
    reason: laptop lost
"""

RETURN = r"""
{}
"""

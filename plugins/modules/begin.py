"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: begin
short_description: Take the cluster's lock and open the run's journal
version_added: 0.1.0
description:
  - Refuses at once where another run holds the lock.
author:
  - meshroll contributors (@meshroll)
options:
  command:
    type: str
    description: The command that runs.
    required: true
  release:
    type: str
    description: The edge release of the run.
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Begin
  meshroll.linkerd.begin:
    command: rollout
"""

RETURN = r"""
{}
"""

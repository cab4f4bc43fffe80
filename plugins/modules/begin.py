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
  looked:
    type: dict
    description: What M(meshroll.linkerd.look) returned. Refuses where another run has worked on the cluster since.
    required: true
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Begin
  meshroll.linkerd.begin:
    looked: "{{ look_seen }}"
"""

RETURN = r"""
{}
"""

"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: look
short_description: Read a cluster, refuse what would fail, and return the plan
version_added: 0.1.0
description:
  - Reads everything a rollout or a rollback needs and changes nothing.
  - Fails with every reason at once where a check refuses.
author:
  - meshroll contributors (@meshroll)
options:
  direction:
    type: str
    description: Onto the mesh (C(in)), to the safe fallback, to what the last run found, or what is meshed now.
    default: in
    choices: [in, fallback, previous, verify]
  refuse:
    type: bool
    description: Whether failed checks refuse.
    default: true
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Look first
  meshroll.linkerd.look:
    direction: in
  register: look_seen
"""

RETURN = r"""
plan:
  description: The steps and their changes.
  returned: success
  type: dict
release:
  description: The edge release that proxies will have.
  returned: success
  type: str
nothing_to_do:
  description: Whether neither a step nor an install has anything to do.
  returned: success
  type: bool
control_plane_installed:
  description: Whether Linkerd is there.
  returned: success
  type: bool
baseline:
  description: Signals by namespace and workload before anything is changed.
  returned: success
  type: dict
"""

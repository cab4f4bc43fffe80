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
    description:
      - C(in) is onto the mesh, C(fallback) to the safe fallback, C(previous) to what the last run found, C(verify) no
        plan but what is meshed now, C(resume) the way that an unfinished run is to go on.
      - A run's id is back to how that run left its namespaces.
    default: in
  refuse:
    type: bool
    description: Whether failed checks refuse.
    default: true
  exclusive:
    type: bool
    description: Whether a lock that another run holds refuses at once.
    default: false
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
direction:
  description: The way that the plan goes; C(none) where there is nothing to resume.
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

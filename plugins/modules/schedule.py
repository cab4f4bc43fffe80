"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: schedule
short_description: Say what a job for scheduled upgrades has to know
version_added: 0.1.0
description:
  - Says when it begins, which files it needs, how the cluster is reached, and what its account has to be granted.
  - Reads the inventory and asks no cluster.
author:
  - meshroll contributors (@meshroll)
options:
  service_account:
    type: str
    description: The account that the job runs under, C(NAMESPACE/NAME).
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
"""

EXAMPLES = r"""
- name: Say what the job of this cluster needs
  meshroll.linkerd.schedule:
    service_account: meshroll/meshroll-upgrade
  register: job
"""

RETURN = r"""
schedule:
  description: C(starts), C(files), C(reached) and C(roles) of the cluster.
  returned: success
  type: dict
"""

"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rbac
short_description: Say what an account has to be granted for a command
version_added: 0.1.0
description:
  - Makes the smallest Roles and ClusterRole, with their bindings, that a command needs on the cluster.
  - Reads the inventory and asks no cluster.
author:
  - meshroll contributors (@meshroll)
options:
  command:
    type: str
    description: Which command, as C(meshroll rbac --help) lists them.
    required: true
  service_account:
    type: str
    description: Bind them to this one, C(NAMESPACE/NAME). One of this, O(group) and O(user) is needed.
  group:
    type: str
    description: Bind them to this group, as the API server knows it.
  user:
    type: str
    description: Bind them to this user, as the API server knows them.
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
"""

EXAMPLES = r"""
- name: Make the Roles of a rollout
  meshroll.linkerd.rbac:
    command: rollout
    service_account: ci/mesh
  register: rbac_made
"""

RETURN = r"""
rbac:
  description: The command, what is to be known, and the objects in the order in which they are to be applied.
  returned: success
  type: dict
"""

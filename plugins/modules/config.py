"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: config
short_description: Say what the inventory sets for a cluster, and where
version_added: 0.1.0
description:
  - Tells every setting of the cluster with its value, and the file and line that it comes from.
  - Reads the inventory and asks no cluster. Shows no secret.
author:
  - meshroll contributors (@meshroll)
options:
  namespace_from:
    type: str
    description: What named the one namespace of C(meshroll_namespace), as it is told.
    default: "-n"
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
"""

EXAMPLES = r"""
- name: Read the settings
  meshroll.linkerd.config:
  register: inventory_told
"""

RETURN = r"""
settings:
  description: Each setting with C(key), C(value), C(source) and C(where).
  returned: success
  type: list
  elements: dict
"""

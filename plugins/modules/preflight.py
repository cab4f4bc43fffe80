"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: preflight
short_description: Ask whether a cluster and its namespaces are fit for the mesh
version_added: 0.1.0
description:
  - Looks at the cluster once and asks every check of docs/reference/checks.md. Fails where one of them blocks, with
    every reason at once. Changes nothing.
author:
  - meshroll contributors (@meshroll)
options:
  only:
    type: list
    elements: str
    default: []
    description: Ids of the checks to ask; all of them where it is empty.
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
"""

EXAMPLES = r"""
- name: Say what stands in the way
  meshroll.linkerd.preflight:
  register: preflight_done
"""

RETURN = r"""
checks:
  description: The C(checks) that were asked, with what each found, and what is C(predicted), as the result has them.
  returned: always
  type: dict
"""

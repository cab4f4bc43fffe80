"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: uninstall
short_description: Refuse while Linkerd is needed, remove it part by part, and prove that it is gone
version_added: 0.1.0
description:
  - C(look) refuses, with every reason at once, while anything needs Linkerd. It returns what goes and what stays.
  - C(webhooks) removes Linkerd's three webhook configurations, and fails where a pod got a proxy since the look.
  - C(releases) removes releases with Helm, also those that a killed Helm was removing.
  - C(gone) waits until no pod of the control plane is left.
author:
  - meshroll contributors (@meshroll)
options:
  phase:
    type: str
    description: Which of the four.
    required: true
    choices: [look, webhooks, releases, gone]
  crds:
    type: bool
    description: Whether Linkerd's CRDs go too. For C(look).
    default: false
  releases:
    type: list
    elements: str
    description: The releases to remove, in their order. For C(releases).
  namespace:
    type: str
    description: A namespace that the run was told to stay in, which C(look) refuses.
attributes:
  check_mode:
    support: partial
    description: C(look) changes nothing and does not ask for the lock. The others are not for check mode.
"""

EXAMPLES = r"""
- name: Look first
  meshroll.linkerd.uninstall:
    phase: look
  register: look_seen
"""

RETURN = r"""
removal:
  description: What goes, in its order, and what stays, as the result has it.
  returned: C(look)
  type: dict
nothing_to_do:
  description: Whether nothing is installed that goes.
  returned: C(look)
  type: bool
"""

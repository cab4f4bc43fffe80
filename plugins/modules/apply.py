"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: apply
short_description: Make one step's changes and prove every pod
version_added: 0.1.0
description:
  - One task makes all changes of a step, within the restart budget, and watches until each pod is proved.
author:
  - meshroll contributors (@meshroll)
options:
  step:
    type: dict
    description: One step of a plan.
    required: true
  keep_going:
    type: bool
    description: Whether one workload that fails lets the others go on. C(prove_out) fails with them in the end.
    default: false
  stoppable:
    type: bool
    description: Whether a wish to stop is heard before the step.
    default: true
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Apply the first wave
  meshroll.linkerd.apply:
    step: "{{ look_seen.plan.steps[0] }}"
"""

RETURN = r"""
changes:
  description: One row a changed field.
  returned: success
  type: list
  elements: dict
"""

"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: drill
short_description: Drill a workload, one fault after the other, and take each back
version_added: 0.1.0
description:
  - C(look) refuses a namespace without the label C(meshroll.io/drillable=true). It returns what is to be drilled.
  - C(run) takes back what an earlier drill has left, then makes each fault, watches what callers notice, and takes it
    back however that ends.
author:
  - meshroll contributors (@meshroll)
options:
  phase:
    type: str
    description: Which of the two.
    required: true
    choices: [look, run]
  scenario:
    type: str
    description: One scenario, C(all) of them, C(undo) for taking back only, or C(rollback) for nothing but the look.
      For C(look).
  workload:
    type: str
    description: The workload as KIND/NAME; one that can be drilled by default. For C(look).
  clusters:
    type: list
    elements: str
    description: All hosts of the play. More than one are refused. For C(look).
  drill:
    type: dict
    description: What C(look) returned under that name. For C(run).
attributes:
  check_mode:
    support: partial
    description: C(look) changes nothing and does not ask for the lock. C(run) is not for check mode.
"""

EXAMPLES = r"""
- name: Look first
  meshroll.linkerd.drill:
    phase: look
    scenario: pod-crash
  register: look_seen
"""

RETURN = r"""
drill:
  description: The namespace and workload, the scenarios, and why some of them are skipped.
  returned: C(look)
  type: dict
drills:
  description: Each scenario as it ended, as the result has it.
  returned: C(run)
  type: list
  elements: dict
"""

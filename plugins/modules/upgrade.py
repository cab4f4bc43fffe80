"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: upgrade
short_description: Decide the hops of an upgrade, begin each, close it, and take the last one back
version_added: 0.1.0
description:
  - C(look) refuses with every reason at once, or returns the hops, and the plan of the first one's data plane.
  - C(turn_back) fails, so that the hop that an earlier run had failed is taken back.
  - C(hop) writes down what a hop begins from. It returns what Helm is to be given and the steps that follow.
  - C(done) closes the hop, which is not taken back any more.
  - C(back) puts the control plane back to the revision that the hop began from, and waits until it is up.
  - C(plan_back) returns the plan that takes the hop's workloads back.
author:
  - meshroll contributors (@meshroll)
options:
  phase:
    type: str
    description: Which of the six.
    required: true
    choices: [look, turn_back, hop, done, back, plan_back]
  to:
    type: str
    description: The release to go to. For C(look) in place of the one that policy picks; for C(hop) its own.
  scheduled:
    type: bool
    description: Whether the calendar decides if anything is begun now. For C(look).
    default: false
  namespace:
    type: str
    description: A namespace that the run was told to stay in, which C(look) refuses.
  why:
    type: str
    description: What an earlier run had failed at. For C(turn_back).
attributes:
  check_mode:
    support: partial
    description: C(look) changes nothing and does not ask for the lock. The others are not for check mode.
"""

EXAMPLES = r"""
- name: Look first
  meshroll.linkerd.upgrade:
    phase: look
    scheduled: true
  register: look_seen
"""

RETURN = r"""
hops:
  description: The releases to go to, one after the other.
  returned: C(look)
  type: list
  elements: str
plan:
  description: The steps of the data plane, or those of the way back.
  returned: C(look), C(hop) and C(plan_back)
  type: dict
upgrade:
  description: How the upgrade stands in the calendar, for the result.
  returned: C(look)
  type: dict
prepared:
  description: What Helm is to be given, where the control plane changes.
  returned: C(hop)
  type: dict
"""

"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: replay
short_description: Judge again what the gates of an earlier run measured
version_added: 0.1.0
description:
  - Reads from the cluster what each gate of the run measured, and judges it by the C(meshroll_gate) of now.
  - Ends as a gate with the worst of these verdicts would end. Changes nothing.
author:
  - meshroll contributors (@meshroll)
options:
  run:
    type: str
    description: The id of the run, or the beginning of it.
    required: true
attributes:
  check_mode:
    support: full
    description: It changes nothing anyway.
"""

EXAMPLES = r"""
- name: Judge last quarter's run by today's limits
  meshroll.linkerd.replay:
    run: 20261124t200539z-6f2330
"""

RETURN = r"""
verdicts:
  description: Each gate's verdict by this policy, with the outcome that the run's own gate had (C(was)).
  returned: where one is not Successful; else they are a fact
  type: list
  elements: dict
"""

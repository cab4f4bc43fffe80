"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: gate
short_description: Judge a step's workloads by their golden signals
version_added: 0.1.0
description:
  - Lets the step settle, watches its workloads in Prometheus for C(meshroll_gate.window_seconds), and judges
    success, latency, evenness over the pods, mTLS, denials and refused ports against C(meshroll_gate.limits).
  - Successful lets the run go on. Failed fails the task, so that the run is taken back. Inconclusive (not
    enough traffic or pods) and Error (it could not be measured) pause the run for a person.
  - Ends early only where measuring keeps failing, or where the window has missed its limit whatever comes.
author:
  - meshroll contributors (@meshroll)
options:
  step:
    type: dict
    description: One step of a plan; its C(subjects) are judged.
    required: true
  baseline:
    type: dict
    description: What was measured before the run, by namespace and workload, as look returns it.
    default: {}
attributes:
  check_mode:
    support: none
    description: Nothing was changed, so there is nothing to judge; returns no verdict.
"""

EXAMPLES = r"""
- name: Judge the first wave
  meshroll.linkerd.gate:
    step: "{{ look_seen.plan.steps[0] }}"
    baseline: "{{ look_seen.baseline }}"
"""

RETURN = r"""
outcome:
  description: Successful; every other outcome fails the task. Null where nothing was judged.
  returned: always
  type: str
verdicts:
  description: One, or none in check mode. The outcome, one line for people, and each signal with its value, limit and
    value before.
  returned: always
  type: list
  elements: dict
"""

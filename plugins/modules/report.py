"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: report
short_description: Read what a run did and what its gates measured
version_added: 0.1.0
description:
  - Reads a run's journal and its recordings from the cluster. Changes nothing.
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
- name: Read what last night's run did
  meshroll.linkerd.report:
    run: 20261124t200539z-6f2330
  register: report_made
"""

RETURN = r"""
report:
  description: Verdict, gates, workloads before and after, plots as points, changes; null where the cluster remembers no
    such run.
  returned: success
  type: dict
"""

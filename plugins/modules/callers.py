"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: callers
short_description: Find callers in traffic that nobody listed
version_added: 0.1.0
description:
  - Reads from the servers' proxies whether requests without mTLS arrive that no listed caller explains.
  - Pauses the run where they do, before a client holds its connection again.
author:
  - meshroll contributors (@meshroll)
options:
  step:
    type: dict
    description: The step of a plan that converts Services.
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Find callers
  meshroll.linkerd.callers:
    step: "{{ step_wanted }}"
"""

RETURN = r"""
{}
"""

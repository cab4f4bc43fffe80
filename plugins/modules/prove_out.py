"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prove_out
short_description: Prove that a way out came to its end
version_added: 0.1.0
description:
  - Fails with what earlier steps of the way out had to leave behind.
  - On the way to the fallback, fails with every pod that still has a proxy.
author:
  - meshroll contributors (@meshroll)
options:
  plan:
    type: dict
    description: The plan that was carried out; what it left to somebody else fails too.
    required: true
attributes:
  check_mode:
    support: full
    description: Reads only.
"""

EXAMPLES = r"""
- name: Prove that no proxy is left
  meshroll.linkerd.prove_out:
    plan: "{{ rollback_plan }}"
"""

RETURN = r"""
{}
"""

"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: releases
short_description: Hold every release of Linkerd against the policy
version_added: 0.1.0
description:
  - Says of each release whether it may run, which one the policy picks, and why not a newer one.
  - Fails, with the same answer, where the policy picks none.
author:
  - meshroll contributors (@meshroll)
options:
  look:
    type: bool
    description: Whether the cluster and its chart source are asked. Without it nothing outside is read.
    default: false
  as_of:
    type: str
    description: The day that the answer is for, C(YYYY-MM-DD). Today, if it is not given.
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
"""

EXAMPLES = r"""
- name: Hold every release against the policy
  meshroll.linkerd.releases:
    look: true
  register: releases_held
"""

RETURN = r"""
releases:
  description: The pick, every release with the reason against it, and the hops from the one that runs.
  returned: always
  type: dict
"""

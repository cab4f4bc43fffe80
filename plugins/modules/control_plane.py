"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: control_plane
short_description: Prepare an install of Linkerd's control plane, and prove that it is up
version_added: 0.1.0
description:
  - C(prepare) makes the namespace, the Gateway API's CRDs where there are none, the trust roots and the issuer, and
    returns what Helm needs. It leaves a control plane that is there alone.
  - C(verify) waits until the control plane is available and asks its webhook by a dry run.
  - C(explain) fails with the reason of an earlier task and with what is there by now.
  - Private keys stand in no result. The trust anchor's goes to C(meshroll_certificates.anchor_key_file) and nowhere
    else; the issuer's to its Secret.
author:
  - meshroll contributors (@meshroll)
options:
  phase:
    type: str
    description: Which of the three.
    required: true
    choices: [prepare, verify, explain]
  release:
    type: str
    description: The edge release. For C(prepare) and C(verify).
  values:
    type: dict
    description: The chart's values as C(prepare) returned them. For C(verify).
  failure:
    type: dict
    description: The result of the task that failed. For C(explain).
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Prepare
  meshroll.linkerd.control_plane:
    phase: prepare
    release: edge-26.6.3
  register: prepared
"""

RETURN = r"""
install:
  description: Whether there is something to install.
  returned: C(prepare)
  type: bool
changes:
  description: One row an object that is made.
  returned: C(prepare)
  type: list
  elements: dict
charts:
  description: The archive of each chart, C(crds) and C(control_plane).
  returned: C(prepare), where there is something to install
  type: dict
control_plane_values:
  description: The values of the control plane's chart; C(crds_values) those of the other.
  returned: C(prepare), where there is something to install
  type: dict
webhook:
  description: Whether the injector answered the API server.
  returned: C(verify)
  type: str
  sample: answers
"""

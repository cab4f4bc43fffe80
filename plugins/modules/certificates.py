"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: certificates
short_description: Renew the issuer of a mesh's identities where it is due, and prove that identity has the new one
version_added: 0.1.0
description:
  - Looks itself, and does nothing where nothing is due. Refuses, with every reason and the steps to take, what it must
    not or cannot renew.
  - Writes a new issuer, signed by the trust anchor that signed the old one, into its Secret, and waits until every pod
    of identity has it. Restarts identity once where it has missed it, and puts the old issuer back where it fails.
  - What an earlier run has written and not proved is proved first.
  - Private keys stand in no result.
author:
  - meshroll contributors (@meshroll)
options:
  phase:
    type: str
    description: What is to be done.
    required: true
    choices: [renew]
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Renew the issuer where it is due
  meshroll.linkerd.certificates:
    phase: renew
  register: certificates_renewed
"""

RETURN = r"""
certificates:
  description:
    - C(action) is C(none), C(renew), or C(prove) for what an earlier run has written.
    - C(ends_at) is when the issuer that was found ends, C(until) when the new one does.
    - C(proved_by) is C(events) or C(restart), none where nothing was done. C(notes) are for whoever reads.
  returned: success
  type: dict
"""

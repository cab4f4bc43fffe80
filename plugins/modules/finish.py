"""Documentation of the action plugin of the same name; nothing runs on a target."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: finish
short_description: Close the journal, free the lock, write the result
version_added: 0.1.0
description:
  - Writes the cluster's entry into C(meshroll_result_file).
author:
  - meshroll contributors (@meshroll)
options:
  command:
    type: str
    description: The command that runs.
    required: true
  plan:
    type: dict
    description: The plan, if one was made.
  failure:
    type: dict
    description: The failed task's result, if one failed.
  taken_back:
    type: bool
    description: Whether the way back was gone to its end.
    default: false
  rollback_plan:
    type: dict
    description: The plan of the automatic rollback, whose notes an operator must read.
  run:
    type: str
    description: The run to tell in full, for C(runs).
  report:
    type: dict
    description: The report of a run, for C(report).
  releases:
    type: dict
    description: The answer about releases, for C(releases).
  settings:
    type: list
    elements: dict
    description: Each setting with where it was said, for C(config).
  schedule:
    type: dict
    description: What a job for scheduled upgrades has to know, for C(schedule).
  rbac:
    type: dict
    description: The Roles of a command, for C(rbac).
  removal:
    type: dict
    description: What goes and what stays, for C(uninstall).
  upgrade:
    type: dict
    description: How the upgrade stands in the calendar, and the hops that were wanted, for C(upgrade).
  drills:
    type: list
    elements: dict
    description: Each scenario as it ended, for C(drill).
  verdicts:
    type: list
    elements: dict
    description: The verdicts that ended the run; those of gates that were passed are remembered by the run itself.
  rollback_failure:
    type: dict
    description: The failed rollback task's result, if one failed.
attributes:
  check_mode:
    support: full
    description: Returns what it would do and changes nothing.
"""

EXAMPLES = r"""
- name: Finish
  meshroll.linkerd.finish:
    command: status
"""

RETURN = r"""
cluster:
  description: The cluster's entry of the result.
  returned: success
  type: dict
"""

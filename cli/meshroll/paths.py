"""Where the Ansible collection and the sample inventory are: as a wheel brings them, or in the checkout."""

from __future__ import annotations

from pathlib import Path

_IN_COLLECTIONS = Path("ansible_collections", "meshroll", "linkerd")


def collection_root() -> Path:
    """The folder of the collection meshroll.linkerd, below an ``ansible_collections`` as Ansible wants it."""
    package = Path(__file__).parent
    installed = package.parent / _IN_COLLECTIONS
    return installed if installed.is_dir() else package.parents[1] / "collections" / _IN_COLLECTIONS


def collections_path() -> Path:
    """What goes into ANSIBLE_COLLECTIONS_PATH."""
    return collection_root().parents[2]


def playbook_file(command: str) -> Path:
    """The playbook of a command."""
    return collection_root() / "playbooks" / f"{command}.yml"


def sample_inventory() -> Path:
    """The inventory that shows every setting."""
    package = Path(__file__).parent
    installed = package / "_content" / "inventory"
    return installed if installed.is_dir() else package.parents[1] / "inventories" / "sample"

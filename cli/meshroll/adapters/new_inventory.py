"""Contexts to make an inventory from, and the folder that it is written into, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from meshroll.adapters.safe_yaml import parsed
from meshroll.core import new_inventory as core
from meshroll.core.errors import Problem, Refused, UsageError
from meshroll.core.new_inventory import Addition


@dataclass(frozen=True)
class Made:
    """What became of it. ``clusters`` are hosts; ``kept`` files were there, whatever is in them."""

    folder: str
    clusters: list[str]
    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    would_add: list[Addition] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_contexts(folder: Path, kubeconfig: str | None, sample: Path) -> Made:
    """An inventory of every context of a kubeconfig (the usual one by default).

    Raises UsageError for a kubeconfig that cannot be read, Refused: init-no-contexts, init-folder-taken.
    """
    names = core.host_names(_contexts(kubeconfig))
    if not names:
        raise Refused(
            Problem(
                "init-no-contexts",
                f"There is no context in {kubeconfig or 'the default kubeconfig'}.",
                "Name another file with --kubeconfig, or use --from eks.",
            )
        )
    file = str(Path(kubeconfig).expanduser().absolute()) if kubeconfig else None
    wanted = core.from_contexts(names, file, _settings(sample))

    def missing(present: Sequence[str]) -> list[Addition]:
        return core.additions(wanted, present, _known_contexts(folder), names)

    return _made(folder, list(names.values()), wanted, missing)


def from_eks(
    folder: Path, regions: Sequence[str], role_arns: Sequence[str], sample: Path, log: Callable[[str], None]
) -> Made:
    """An inventory that finds the clusters of these regions and accounts, having found them once.

    Raises Refused for what AWS refuses, and init-folder-taken.
    """
    from meshroll.adapters import eks
    from meshroll.core.eks_inventory import FORMS, told_apart

    _refuse_foreign(folder)
    known = _mapping(folder / core.CLUSTERS)
    form = next((form for form in FORMS if form == known.get("hostname")), FORMS[0])
    form, found = told_apart(eks.find(regions, role_arns, {}, log), form)
    wanted = core.from_eks(regions, role_arns, form, _settings(sample))

    def missing(present: Sequence[str]) -> list[Addition]:
        asked = {"regions": regions, "role_arns": role_arns}
        own = core.eks_additions(asked, form, known) if core.CLUSTERS in present else []
        return own + core.additions(wanted, present, (), {})

    return _made(folder, list(found), wanted, missing)


def _made(
    folder: Path,
    clusters: list[str],
    wanted: Mapping[str, str],
    missing: Callable[[Sequence[str]], list[Addition]],
) -> Made:
    """Writes into a folder that is empty or not there; an inventory that is there is only looked at."""
    _refuse_foreign(folder)
    if _is_inventory(folder):
        present = [file for file in wanted if (folder / file).exists()]
        return Made(str(folder), clusters, kept=present, would_add=missing(present))
    for file, text in wanted.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as new:
            new.write(text)
    return Made(str(folder), clusters, written=list(wanted))


def _is_inventory(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (core.HOSTS, core.CLUSTERS))


def _refuse_foreign(folder: Path) -> None:
    if folder.is_dir():
        if _is_inventory(folder) or not any(folder.iterdir()):
            return
        why = f"holds files, and neither {core.HOSTS} nor {core.CLUSTERS}"
    elif folder.exists():
        why = "is a file"
    else:
        return
    raise Refused(
        Problem(
            "init-folder-taken",
            f"{folder} {why}, so nothing was written.",
            "Name a new or an empty folder; one that `meshroll init` has written is compared and left as it is.",
        )
    )


def _settings(sample: Path) -> dict[str, str]:
    return {
        file.name: file.read_text(encoding="utf-8") for file in sorted((sample / core.SETTINGS).iterdir())
    }


def _contexts(kubeconfig: str | None) -> list[str]:
    from meshroll.adapters.kube.connection import UNUSABLE
    from meshroll.adapters.kube.credentials import config

    try:
        contexts, _ = config.list_kube_config_contexts(config_file=kubeconfig)
        return [str(context["name"]) for context in contexts]
    except UNUSABLE as error:
        raise UsageError(
            Problem(
                "kubeconfig-unusable",
                f"No contexts can be read from {kubeconfig or 'the default kubeconfig'}: {error}",
                "Name a kubeconfig with --kubeconfig, or use --from eks.",
            )
        ) from error


def _known_contexts(folder: Path) -> list[str]:
    """The contexts that hosts of the inventory name, in whichever file of theirs."""
    files = [*folder.glob("host_vars/*.y*ml"), *folder.glob("host_vars/*/*.y*ml"), folder / core.HOSTS]
    return [context for file in files for context in _contexts_in(_mapping(file))]


def _contexts_in(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return []
    own = value.get("meshroll_cluster")
    here = [str(own["context"])] if isinstance(own, dict) and own.get("context") else []
    return here + [context for each in value.values() for context in _contexts_in(each)]


def _mapping(file: Path) -> dict[str, Any]:
    """What is in a file, as far as it can be read: one that is edited just now knows nothing."""
    try:
        found = parsed(file.read_bytes())
    except (OSError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}

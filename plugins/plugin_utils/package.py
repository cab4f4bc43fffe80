"""The Python package that the plugins are made for, and what is said where it is missing or another one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VERSION = "0.1.0"
"""Of collection and package: the collection may come from Galaxy or an image, and the package from elsewhere."""

_missing: list[str] = []


@contextmanager
def needed() -> Iterator[None]:
    """Around imports of the package and of what comes with it: what fails there, ``refusal`` tells.

    An older package has not every name that a plugin imports, and without any Ansible itself still reads plugins,
    for their documentation and in ``ansible-test sanity``.
    """
    try:
        yield
    except ImportError as error:
        _missing.append(str(error))


def refusal() -> tuple[str, str] | None:
    """Why nothing can be done with the package that is installed here, and the command that puts it right.

    None where it is the right one, with all that it needs.
    """
    installed = _installed()
    if installed == VERSION and not _missing:
        return None
    # The file and no name that an index is asked for: whatever is called so there need not be this.
    wheel = f"meshroll-{VERSION}-py3-none-any.whl"
    install = [sys.executable, "-m", "pip", "install"]
    if installed == VERSION:
        message = f"The Python package meshroll {VERSION} is there and cannot be used whole: {_missing[0]}."
        return (
            message,
            f"Install it anew from its wheel: {shlex.join([*install, '--force-reinstall', wheel])}",
        )
    message = (
        f"The collection meshroll.linkerd {VERSION} needs the Python package of the same version, and the Python "
        f"that runs Ansible has {f'meshroll {installed}' if installed else 'no meshroll'}."
    )
    return message, f"Install it there from its wheel: {shlex.join([*install, wheel])}"


def _installed() -> str | None:
    try:
        from meshroll import __version__
    except ImportError:
        return None
    return __version__

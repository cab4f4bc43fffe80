"""What README and tutorial say to type, typed in their order into one shell: each command ends as the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from contract.document_commands import ELSEWHERE, RUN, Shown, shown

from meshroll_sandbox.cluster import down

pytestmark = pytest.mark.exhaustive
ENDED = "=== ended with "
BACK = "meshroll rollback -i .sandbox/inventory -n charging"


def typed(page: Path) -> list[Shown]:
    """With what a recording was made with before it, from the state that it began from."""
    found = []
    for each in shown(page):
        if each.after:
            found += [Shown(each.page, BACK), Shown(each.page, each.after)]
        if each.text not in ELSEWHERE:
            found.append(each)
    return found


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_each_command_ends_as_the_page_says(page: Path, tmp_path: Path) -> None:
    commands = typed(page)
    assert [each.code for each in commands].count(4) == 1
    # `; echo $?` is how a reader sees a code: the shell's own is that of the command before.
    script = tmp_path / "typed.sh"
    script.write_text("".join(f'{each.text.split("; echo")[0]}\necho "{ENDED}$?"\n' for each in commands))
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MESHROLL_")}
    try:
        ran = subprocess.run(
            ["bash", script],
            cwd=tmp_path, env={**environment, "PATH": path}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    finally:
        down(tmp_path / ".sandbox", lambda _: None)
    outputs = ran.stdout.split(ENDED)
    assert len(outputs) == len(commands) + 1, ran.stdout
    codes = [int(output.split("\n", 1)[0]) for output in outputs[1:]]
    ends = {
        f"{number} {each.text}": code for number, (each, code) in enumerate(zip(commands, codes, strict=True))
    }
    assert ends == {f"{number} {each.text}": each.code for number, each in enumerate(commands)}, ran.stdout

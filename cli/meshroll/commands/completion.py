"""meshroll completion: the script that makes a shell complete words."""

from __future__ import annotations

import click

from meshroll.commands.options import how
from meshroll.core.errors import ExitCode


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@how
def command(shell: str) -> ExitCode:
    """Print the script that makes a shell complete commands, options, clusters, namespaces and runs.

    \b
    meshroll completion bash > ~/.local/share/bash-completion/completions/meshroll
    meshroll completion zsh > ~/.zfunc/_meshroll
    meshroll completion fish > ~/.config/fish/completions/meshroll.fish

    Clusters, groups and namespaces are those of the inventory's YAML files, runs those of which this machine has
    copies: nothing is asked over the network.

    \b
    Exit codes: 0 printed.
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    root = click.get_current_context().find_root().command
    click.echo(made(root, {}, "meshroll", "_MESHROLL_COMPLETE").source())
    return ExitCode.SUCCESS

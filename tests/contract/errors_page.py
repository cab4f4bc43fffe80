"""docs/reference/errors.md, gathered from every Problem that the source makes: `make docs` writes it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meshroll.adapters.catalogue import breaking_changes
from meshroll.core import checks

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "cli").rglob("*.py"))
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+|drift|locked|interrupted|bug|usage|sandbox")
DOCUMENT = re.compile(r"(docs/)([\w./-]+\.md(?:#[\w-]+)?)")
HEAD = """# Errors

<!-- Made by `make docs` from the problems that the source code makes. -->

Every error has a stable code: in text it is what the message is about, in JSON it is `errors[].code`. What is filled in
is shown as `…`. What exit code belongs to it is the result's ([exit codes](exit-codes.md)). The ids of
[checks](checks.md) and [breaking changes](breaking-changes.md) are codes too, and explained there.
"""


@dataclass(frozen=True, order=True)
class Told:
    """One place that makes the problem: what it says, and what to do, as far as they are written there."""

    message: str
    hint: str


def page() -> str:
    told, _ = gathered()
    rows = {check.id for check in checks.ALL} | {change.id for change in breaking_changes()}
    return HEAD + "".join(f"\n{_section(code, sorted(told[code]))}" for code in sorted(told.keys() - rows))


def gathered() -> tuple[dict[str, set[Told]], set[str]]:
    """What there is of each code, and the expressions whose code nobody could read."""
    told: dict[str, set[Told]] = {}
    unread: set[str] = set()
    trees = [ast.parse(file.read_text()) for file in SOURCES]
    names = {name: value for tree in trees for name, value in _constants(tree)}
    for tree in trees:
        for scope, call in _problems(tree):
            private = getattr(scope, "name", "_").startswith("_") or scope not in tree.body
            found = list(_of_call(call, scope, [tree] if private else [*trees], names))
            if not found:
                unread.add(ast.unparse(_argument(call, 0, "code") or call))
            for code, each in found:
                told.setdefault(code, set()).add(each)
    return told, unread


def _section(code: str, places: list[Told]) -> str:
    lines = [f"## {code}\n"]
    for each in places:
        lines += [f"> {each.message}\n"] if each.message.strip("… .:") else []
        hint = DOCUMENT.sub(r"[\1\2](../\2)", each.hint)
        lines += [f"{hint}\n"] if hint.strip("… .:") else []
    if len(lines) == 1:
        lines.append("What it says depends on what was found.\n")
    return "\n".join(dict.fromkeys(lines))


def _problems(tree: ast.AST, scope: ast.AST | None = None) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Each call of Problem, with the innermost function around it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
            yield scope or tree, node
        yield from _problems(node, node if isinstance(node, ast.FunctionDef) else scope)


def _of_call(
    call: ast.Call, scope: ast.AST, near: list[ast.AST], names: dict[str, str]
) -> Iterator[tuple[str, Told]]:
    """``near``: where a function that makes the problem may be called. ``names``: constants that are codes."""
    code, message = _argument(call, 0, "code"), _text(_argument(call, 1, "message"))
    own = Told(message, _text(_argument(call, 2, "hint")))
    if isinstance(code, ast.Constant | ast.JoinedStr):
        yield _text(code), own
    elif isinstance(code, ast.Subscript):
        yield from ((value, own) for value in names.get(ast.unparse(code.value), "").split())
    elif isinstance(code, ast.Name) and code.id in names:
        yield names[code.id], own
    elif isinstance(code, ast.Name) and isinstance(scope, ast.FunctionDef):
        parameters = [each.arg for each in scope.args.args]
        if code.id in parameters:
            yield from _of_callers(scope.name, parameters, code.id, near, own)
        else:
            yield from _of_table(scope, own)


def _of_callers(
    function: str, parameters: list[str], code: str, near: list[ast.AST], own: Told
) -> Iterator[tuple[str, Told]]:
    """The function's callers say the code, and perhaps the message and the hint."""
    for node in (node for tree in near for node in ast.walk(tree)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function):
            continue
        given = {name: _argument(node, index, name) for index, name in enumerate(parameters)}
        said = [
            _text(given[part]) if part in given else kept
            for part, kept in (("message", own.message), ("hint", own.hint))
        ]
        if isinstance(given[code], ast.Constant):
            yield _text(given[code]), Told(*said)


def _of_table(scope: ast.FunctionDef, own: Told) -> Iterator[tuple[str, Told]]:
    """A table in the function has the code, and behind it the message and the hint, or the hint alone."""
    for node in (node for node in ast.walk(scope) if isinstance(node, ast.Tuple)):
        for index, each in enumerate(node.elts):
            if isinstance(each, ast.Constant) and CODE.fullmatch(str(each.value)):
                said = [_text(after) for after in node.elts[index + 1 : index + 3]]
                yield _text(each), Told(*said) if len(said) == 2 else Told(own.message, *said)


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names of the module whose values are a code, or a table of codes."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
            codes = [each.value for each in values if isinstance(each, ast.Constant)]
            if codes and all(isinstance(each, str) and CODE.fullmatch(each) for each in codes):
                yield node.targets[0].id, " ".join(codes)


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    return call.args[position] if len(call.args) > position else given.get(name)


def _text(node: ast.expr | None) -> str:
    """What is written there, with … for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value).replace("\n", " ")
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(_text(each) for each in node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "" if node is None else "…"


if __name__ == "__main__":
    sys.stdout.write(page())

"""What shipped code says when it logs an error, read from its source."""

import ast
from collections.abc import Iterator


def errors(source: str) -> Iterator[str]:
    """What is said in this code by `_log.error`, or by what may stand for it; `*` for what is put into it."""
    tree = ast.parse(source)
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(map(_is_error, ast.walk(node.value)))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        if _is_error(node.func) or (isinstance(node.func, ast.Name) and node.func.id in names):
            said = node.args[0]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)


def _is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("error", "exception", "critical")

"""Rules of names: the glossary's words in code and protos, and names of modules."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.tidy.listed import BANNED_MODULE_NAMES, BANNED_NAMES, BANNED_WORDS
from tests.tidy.source import Finding, Source

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PROTO_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_PROTO_STRING = re.compile(r'"[^"\n]*"')
_PROTO_BLOCK = re.compile(r"\b(?:message|enum|service|rpc|oneof)\s+(\w+)")
_PROTO_FIELD = re.compile(r"(\w+)\s*=\s*-?\d+\s*[;\[]")


def words_of(name: str) -> list[str]:
    """The words of a snake_case, CamelCase or UPPER_CASE name, in small letters; banned ones in the singular."""
    return [_singular(word.lower()) for word in _WORD.findall(name)]


def glossary_in_code(source: Source) -> Iterator[Finding]:
    """Names that `actors/` defines use the words of the glossary."""
    if source.is_python and source.path.startswith("actors/"):
        for line, name in defined_names(source.tree):
            yield from _judge(source, line, name)


def glossary_in_protos(source: Source) -> Iterator[Finding]:
    """Names that the protos define use the words of the glossary."""
    if source.path.startswith("protos/") and source.path.endswith(".proto"):
        text = _PROTO_COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source.text)
        text = _PROTO_STRING.sub('""', text)
        for pattern in (_PROTO_BLOCK, _PROTO_FIELD):
            for match in pattern.finditer(text):
                yield from _judge(source, text.count("\n", 0, match.start(1)) + 1, match[1])


def telling_module_names(source: Source) -> Iterator[Finding]:
    """A module or folder says what it holds, and hides no module of the standard library."""
    if not source.path.endswith(".py"):
        return
    for name in PurePosixPath(source.path).with_suffix("").parts:
        if name in BANNED_MODULE_NAMES:
            yield source.find(1, f"is called {name}", "a word of the field that says what is inside")
        elif name in sys.stdlib_module_names and not name.startswith("__"):
            yield source.find(1, f"is called like the standard library's {name}", "another word")


def defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of what a file gives a name to: classes, functions, arguments, variables, fields, imports."""
    for part in ast.walk(tree):
        match part:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield part.lineno, part.name
            case ast.arg():
                yield part.lineno, part.arg
            case ast.Name(ctx=ast.Store()):
                yield part.lineno, part.id
            case ast.Attribute(ctx=ast.Store()):
                yield part.lineno, part.attr
            case ast.Import() | ast.ImportFrom():
                yield from ((part.lineno, alias.asname) for alias in part.names if alias.asname)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield part.lineno, name


def _judge(source: Source, line: int, name: str) -> Iterator[Finding]:
    if name.lower() in BANNED_NAMES:
        yield source.find(line, f"names something {name}", BANNED_NAMES[name.lower()])
    for word in words_of(name):
        if word in BANNED_WORDS:
            yield source.find(line, f'names something {name} ("{word}")', BANNED_WORDS[word])


def _singular(word: str) -> str:
    for ending, replacement in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and (singular := word.removesuffix(ending) + replacement) in BANNED_WORDS:
            return singular
    return word

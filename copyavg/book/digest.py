"""What a result of this code depends on, in one digest: committed data that carry an older one are stale.

The code is that of some modules and of all modules of `copyavg` that they import, wherever in the file. It is read
statement by statement, without comments, docstrings, blank space and imports, and in no order. So a changed formula
changes the digest; a moved or renamed file, a statement in another file, or a better docstring does not. The registry
of named activations is left out: what was computed with one activation does not depend on there being others.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from copyavg.activations.named import get_activation

PACKAGE = Path(__file__).parents[1]
FACE = "copyavg"
REGISTRY = "copyavg.activations.named"
_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
_BLOCK = ("\N{LEFT CEILING}", "\N{RIGHT FLOOR}")  # begins and ends, whatever the blank space is
_SHAPE = {tokenize.NEWLINE: ";", tokenize.INDENT: _BLOCK[0], tokenize.DEDENT: _BLOCK[1]}


def digest(modules: Iterable[str], package: Path = PACKAGE) -> str:
    """Return the digest of these modules alone, in hexadecimal.

    Parameters
    ----------
    modules : iterable of str
        Such as "copyavg.landscape".
    package : Path
        Where the package is, or a copy of it.

    Examples
    --------
    >>> digest(["copyavg.landscape"]) == digest(["copyavg.network"])
    False
    """
    paths = _modules(package)
    return digest_of_files(paths[module] for module in modules)


def digest_of_files(paths: Iterable[Path]) -> str:
    """Return the digest of Python files, in hexadecimal."""
    parts = sorted(part for path in paths for part in _statements(path.read_text(encoding="utf-8")))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def reached(*entries: str, package: Path = PACKAGE) -> list[str]:
    """Return the modules of `copyavg` that these import, directly or not, and these themselves.

    Examples
    --------
    >>> reached("copyavg.network")
    ['copyavg.arrays', 'copyavg.network']
    """
    modules = _modules(package)
    found, waiting = set(), list(entries)
    while waiting:
        if (module := waiting.pop()) not in found:
            found.add(module)
            waiting += _imported(modules[module], module, modules)
    return sorted(found)


def of(module: str, activations: Iterable[str], package: Path = PACKAGE) -> str:
    """Return the digest of all that a module computes with these named activations.

    Examples
    --------
    >>> of("copyavg.landscape", ["erf"]) == of("copyavg.landscape", ["relu"])
    False
    """
    own = {get_activation(activation).function.__module__ for activation in activations}
    return digest(reached(module, *own, package=package), package)


def of_flow(activation: str, package: Path = PACKAGE) -> str:
    """Return the digest of all that gradient flow with a named activation depends on."""
    return of("copyavg.flow.gradient_flow", [activation], package)


def _modules(package: Path) -> dict[str, Path]:
    """All modules by their names."""
    names = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        names[".".join((FACE, *(part for part in parts if part != "__init__")))] = path
    return names


def _imported(path: Path, module: str, modules: dict[str, Path]) -> Iterator[str]:
    here = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            base = (
                ".".join([*here[: len(here) - node.level + 1], *filter(None, [node.module])])
                if node.level
                else node.module
            )
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name in modules and name not in (FACE, REGISTRY))


@cache
def _statements(source: str) -> tuple[str, ...]:
    """A digest of every statement that is not within another one."""
    tree, parts = ast.parse(source), []
    without = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node)]
    left_out = {line for node in without for line in range(node.lineno, node.end_lineno + 1)}
    words = [(line, word) for line, word in _words(source) if line not in left_out or word in _BLOCK]
    for statement in tree.body:
        first = min([statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", []))])
        text = " ".join(word for line, word in words if first <= line <= statement.end_lineno)
        parts += [hashlib.sha256(text.encode()).hexdigest()] * bool(text)
    return tuple(parts)


def _words(source: str) -> Iterator[tuple[int, str]]:
    """The tokens with their lines; an f-string is one, as it was before Python 3.12."""
    lines, start, depth = source.splitlines(keepends=True), (0, 0), 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "FSTRING_START":
            start, depth = start if depth else token.start, depth + 1
        elif kind == "FSTRING_END":
            depth -= 1
            if depth == 0:
                yield start[0], _between(lines, start, token.end)
        elif depth == 0 and token.type not in _SKIPPED:
            yield token.start[0], _SHAPE.get(token.type, token.string)


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    chosen = lines[start[0] - 1 : end[0]]
    chosen[-1] = chosen[-1][: end[1]]
    return "".join(chosen)[start[1] :]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

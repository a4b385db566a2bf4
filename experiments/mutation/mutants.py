"""The mutants of a source file: small slips, one at a time, that tests ought to notice."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NOTHING = ast.Constant(None)


@dataclass(frozen=True)
class Mutant:
    """One slip: where it is, what stood there, and what stands there now."""

    line: int
    last_line: int
    before: str
    after: str
    inside: str  # the line of source around it, which names it when lines move
    when_called: bool  # in the body of a function, so that importing the module does not run it
    source: str  # of the whole file

    @property
    def name(self) -> str:
        """What identifies the mutant within its file."""
        return f"{self.inside}: {self.before} → {self.after}"


def mutants(source: str) -> list[Mutant]:
    """Return all mutants of a file; those with one name, on like lines, are numbered."""
    found, seen = [], {}
    lines = source.splitlines()
    raw = source.encode()
    starts = [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, text, called in _slips(ast.parse(source), False):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = " ".join(raw[begin:end].decode().split())
        inside = lines[node.lineno - 1].strip()
        key = (inside, before, text)
        seen[key] = seen.get(key, 0) + 1
        after = text if seen[key] == 1 else f"{text}, number {seen[key]}"
        changed = (raw[:begin] + text.encode() + raw[end:]).decode()
        found.append(Mutant(node.lineno, node.end_lineno, before, after, inside, called, changed))
    return found


def _slips(node: ast.AST, called: bool) -> Iterator[tuple[ast.AST, str, bool]]:
    """Yield every node that can slip, the text in its place, and whether it is in the body of a function."""
    if isinstance(node, ast.expr):
        for changed in _expressions(node):
            yield node, f"({ast.unparse(changed)})", called
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.Return, ast.AugAssign)):
        for changed in _statements(node):
            yield node, ast.unparse(changed), called
    for test in _conditions(node):
        yield test, f"(not ({ast.unparse(test)}))", called
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "format_spec") or isinstance(node, ast.JoinedStr):
            continue
        # A decorated function may be cached: then only the first test to call it would seem to reach it.
        function = isinstance(node, ast.Lambda) or (isinstance(node, ast.FunctionDef) and not node.decorator_list)
        inner = called or (function and name == "body")
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_docstring(child):
                yield from _slips(child, inner)


def _conditions(node: ast.AST) -> list[ast.expr]:
    """What decides, other than a comparison, which has slips of its own."""
    match node:
        case ast.If(test) | ast.While(test) if not isinstance(test, ast.Compare):
            return [test]
        case ast.comprehension(ifs=tests):
            return tests
    return []


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in SWAPPED:
            yield ast.BinOp(left, SWAPPED[type(operator)](), right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(SWAPPED[type(operator)](), values)
        case ast.Compare(left, [operator, *others], values):
            yield ast.Compare(left, [SWAPPED[type(operator)](), *others], values)
        case ast.UnaryOp(ast.USub() | ast.Not() | ast.Invert(), operand):
            yield operand
        case ast.IfExp(test, body, otherwise):
            yield ast.IfExp(test, otherwise, body)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(str()) | ast.JoinedStr():
            yield ast.Constant("XX")
        case ast.Call(function, arguments, keywords):
            for i, argument in enumerate(arguments):
                if not isinstance(argument, (ast.Constant, ast.Starred)):
                    yield ast.Call(function, [*arguments[:i], NOTHING, *arguments[i + 1 :]], keywords)
            for i in range(len(keywords)):
                yield ast.Call(function, arguments, [*keywords[:i], *keywords[i + 1 :]])


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.AugAssign(target, operator, value):
            yield ast.AugAssign(target, SWAPPED[type(operator)](), value)
            yield ast.Assign([target], value, lineno=1)
        case ast.Assign(targets, value) if not isinstance(value, ast.Constant):
            yield ast.Assign(targets, NOTHING, lineno=1)
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(NOTHING)

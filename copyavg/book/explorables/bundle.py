"""One file an explorable: what it imports from its neighbours is put into it, because widgets load alone."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent
SHARED = (
    "branch",
    "classification",
    "drawing",
    "flow",
    "landscape",
    "linear",
    "points",
    "stairs",
)  # what explorables import, and are not themselves
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.mjs") if path.stem not in SHARED))
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z-]+)\.mjs";\n', re.MULTILINE)
_TABLE = re.compile(r'^import ([A-Z]+) from "\./([a-z-]+\.json)";$', re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?://.*\n|/\*\*(?:.|\n)*?\*/\n)|(?<=[;,{]) // .*$", re.MULTILINE)
_INDENTATION = re.compile(r"^[ \n]+", re.MULTILINE)


@cache
def bundle(name: str) -> str:
    """Return an explorable as one module without imports, its comments and indentation left out.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Raises
    ------
    ValueError
        If there is no explorable of this name.

    Examples
    --------
    >>> "export default" in bundle("copy-or-average"), "import {" in bundle("copy-or-average")
    (True, False)
    """
    if name not in NAMES:
        raise ValueError(f"there is no explorable {name!r}; there are {', '.join(NAMES)}")
    return inline(_read(name))


def inline(source: str) -> str:
    """Return a module with everything in it that it imports from this folder.

    Parameters
    ----------
    source : str
        A module whose imports stand in lines of their own: of names from "./….mjs", of a table from "./….json".

    Examples
    --------
    >>> inline("export default 1;")
    'export default 1;'
    """
    parts: dict[str, str] = {}
    _gather("", source, parts)
    *shared, own = parts.values()
    return "".join([re.sub(r"^export ", "", part, flags=re.MULTILINE) for part in shared] + [own])


def digest() -> str:
    """Return a digest of all that the explorables are made of; their benchmark carries it.

    Examples
    --------
    >>> len(digest())
    16
    """
    return sha256("".join(map(bundle, NAMES)).encode()).hexdigest()[:16]


def _read(name: str) -> str:
    return (FOLDER / f"{name}.mjs").read_text(encoding="utf-8")


def _gather(name: str, source: str, parts: dict[str, str]) -> None:
    """Add a module after those that it imports."""
    for imported in _IMPORT.findall(source):
        if imported not in parts:
            _gather(imported, _read(imported), parts)
    source = _TABLE.sub(lambda found: f"const {found[1]} = {(FOLDER / found[2]).read_text(encoding='utf-8')};", source)
    parts[name] = _INDENTATION.sub("", _COMMENT.sub("", _IMPORT.sub("", source)))

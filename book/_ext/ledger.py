"""The ledger of claims: what this book says, how it is checked, and what the last run of these checks found.

It knows neither pytest nor Sphinx. The tests record outcomes and residuals (`tests/recorder.py`) and `write` keeps
them; the pages `read` them (`book/_ext/claimpages.py`). A verdict is computed from them, never stored.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from copyavg.book.digest import digest_of_files

ROOT = Path(__file__).parents[2]
LEDGER = ROOT / "book/claims.yml"
SCHEMA = ROOT / "book/claims.schema.json"
RUN = ROOT / "_build/claims.json"
# What a verdict depends on: if any of these changes, the claims have to be tested again.
CODE, DATA = ("copyavg/**/*.py", "tests/*.py"), ("book/claims.yml", "copyavg/book/data/*.json", "requirements.txt")
# The numbered blocks of a chapter that state something, and so need a claim.
STATEMENTS = ("theorem", "proposition", "lemma", "corollary", "conjecture", "observation")


class LedgerError(Exception):
    """What is to be mended in the ledger, its tests or the chapters: one sentence a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Route:
    """One way of computing a residual, and the bound that it has to keep: from below if `at_least`."""

    name: str
    residual: str
    bound: float
    at_least: bool
    unit: str


@dataclass(frozen=True)
class Claim:
    """One entry of the ledger."""

    id: str
    statement: str
    kind: str
    assumptions: str
    anchor: str
    tests: tuple[str, ...]
    routes: tuple[Route, ...]

    def route(self, name: str) -> Route:
        """The route of this name."""
        for route in self.routes:
            if route.name == name:
                return route
        known = ", ".join(f'"{route.name}"' for route in self.routes)
        raise LedgerError([f'Claim {self.id} has no route "{name}" in book/claims.yml; it has {known or "none"}.'])

    def names(self, test: str) -> bool:
        """Whether the ledger lists this test, with or without its parameters."""
        return test in self.tests or test.split("[")[0] in self.tests


@dataclass(frozen=True)
class Verdict:
    """One word, "holds" or "open", and for each route its worst residual."""

    word: str
    worst: Mapping[str, float]


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-13 is a number, as in YAML 1.2."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), "-+0123456789")


def load(path: Path) -> dict[str, Claim]:
    """The claims by id, after a check of everything that the file alone can get wrong."""
    entries = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    schema = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    problems = [
        f"{path.name}, {_place(entries, error.absolute_path)}: {error.message}."
        for error in schema.iter_errors(entries)
    ]
    if problems:
        raise LedgerError(problems)
    ids = [entry["id"] for entry in entries]
    problems = [
        f"Claim {id} stands twice in {path.name}: rename one." for id in sorted({i for i in ids if ids.count(i) > 1})
    ]
    for entry in entries:
        if entry["kind"] != "open" and not (entry.get("tests") and entry.get("routes")):
            problems.append(
                f"Claim {entry['id']} has no test: give it `tests` and `routes` in {path.name}, or say `kind: open`."
            )
    if problems:
        raise LedgerError(problems)
    return {entry["id"]: _claim(entry) for entry in entries}


def _place(entries: object, path: Iterable) -> str:
    index, *inside = path or (None,)
    if index is None:
        return "as a whole"
    entry = entries[index]
    name = entry.get("id", f"number {index + 1}") if isinstance(entry, dict) else f"number {index + 1}"
    return " / ".join([f"claim {name}", *map(str, inside)])


def _claim(entry: dict) -> Claim:
    routes = tuple(_route(name, route) for name, route in entry.get("routes", {}).items())
    return Claim(**{**entry, "tests": tuple(entry.get("tests", ())), "routes": routes})


def _route(name: str, entry: dict) -> Route:
    at_least = "at_least" in entry
    bound = float(entry["at_least" if at_least else "at_most"])
    return Route(name, entry["residual"], bound, at_least, entry.get("unit", ""))


def fingerprint(root: Path) -> str:
    """A hash of all that the verdicts depend on."""
    code, data = ([path for pattern in patterns for path in sorted(root.glob(pattern))] for patterns in (CODE, DATA))
    parts = (digest_of_files(code).encode(), *(path.read_bytes() for path in data))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def write(outcomes: Mapping[str, str], residuals: Mapping[tuple[str, str], float], path: Path, root: Path) -> None:
    """Keep what a run of the tests found: outcomes by test, worst residuals by claim and route."""
    path.parent.mkdir(exist_ok=True)
    found = [{"claim": claim, "route": route, "worst": worst} for (claim, route), worst in residuals.items()]
    run = {"fingerprint": fingerprint(root), "outcomes": dict(outcomes), "residuals": found}
    path.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(claims: Mapping[str, Claim], path: Path, root: Path) -> dict[str, Verdict]:
    """The verdicts of the last run, which must have been on the present sources."""
    if not path.exists():
        raise LedgerError(["The claims have not been tested yet: run `make claims`."])
    run = json.loads(path.read_text(encoding="utf-8"))
    if run["fingerprint"] != fingerprint(root):
        raise LedgerError(["Code, tests or ledger have changed since the claims were tested: run `make claims`."])
    return judge(
        claims, run["outcomes"], {(found["claim"], found["route"]): found["worst"] for found in run["residuals"]}
    )


def judge(
    claims: Mapping[str, Claim], outcomes: Mapping[str, str], residuals: Mapping[tuple[str, str], float]
) -> dict[str, Verdict]:
    """The verdict on every claim; an error if one has a test that did not pass or a route that nothing was found on."""
    problems = [problem for claim in claims.values() for problem in _shortcomings(claim, outcomes, residuals)]
    if problems:
        raise LedgerError(problems)
    return {
        claim.id: Verdict(
            "open" if claim.kind == "open" else "holds",
            {route.name: residuals[claim.id, route.name] for route in claim.routes},
        )
        for claim in claims.values()
    }


def _shortcomings(
    claim: Claim, outcomes: Mapping[str, str], residuals: Mapping[tuple[str, str], float]
) -> Iterable[str]:
    all_passed = True
    for listed in claim.tests:
        ran = {test: outcome for test, outcome in outcomes.items() if listed in (test, test.split("[")[0])}
        if not ran:
            yield (
                f"Claim {claim.id}: its test {listed} did not run. "
                f'Mend its name in book/claims.yml, or mark it @pytest.mark.claim("{claim.id}").'
            )
        not_passed = [test for test, outcome in ran.items() if outcome != "passed"]
        if not_passed:
            first, *more = not_passed
            others = f", and {len(more)} more of its cases did not pass" if more else ""
            yield f"Claim {claim.id}: its test {first} {ran[first]}{others}. See why with: pytest '{first}'"
        all_passed &= bool(ran) and not not_passed
    for route in claim.routes:
        worst = residuals.get((claim.id, route.name))
        if worst is None:
            if all_passed:
                yield (
                    f'Claim {claim.id}: no test recorded a residual on its route "{route.name}". '
                    f'Call residual("{claim.id}", "{route.name}", …) in a test, or remove the route.'
                )
        elif not (worst >= route.bound if route.at_least else worst <= route.bound):
            yield f'Claim {claim.id}: on its route "{route.name}" {worst:.3g} is on the wrong side of {route.bound:g}.'


def check_pages(
    claims: Mapping[str, Claim], statements: Mapping[str, tuple[str, str]], anchors: Mapping[str, list[str]]
) -> None:
    """Every claim leads to one place of the book, and every statement (its label: kind and page) has a claim."""
    problems = []
    for claim in claims.values():
        pages = anchors.get(claim.anchor, [])
        if not pages:
            problems.append(f"Claim {claim.id}: no page has its anchor {claim.anchor}. Mend it in book/claims.yml.")
        if len(pages) > 1:
            problems.append(
                f"Claim {claim.id}: its anchor {claim.anchor} is on several pages, {', '.join(pages)}. "
                f"Write a label of its own, (some-label)=, above the place that is meant."
            )
    claimed = {claim.anchor for claim in claims.values()}
    for label, (kind, page) in statements.items():
        if kind in STATEMENTS and label not in claimed:
            problems.append(
                f"{page}: the {kind} {label} has no claim. Give it a `:label:`, and an entry in book/claims.yml with "
                f"this label as its anchor."
            )
    if problems:
        raise LedgerError(problems)

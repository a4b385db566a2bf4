"""What experiments/data/mutation.json says of a module, and whether it still says it of today's."""

from pathlib import Path

from copyavg.book.digest import digest_of_files

ROOT = Path(__file__).parents[2]
LEAST_KILLED, MOST_EQUIVALENT = 0.95, 0.02  # shares of all mutants
# Every module with a formula or a decision, but those of the flow, which are compiled.
WINGS = ("activations", "interactions", "landscape", "points", "classification", "book.check", "book.digest")


def module_path(module: str, root: Path = ROOT) -> Path:
    """Where the module is, in the repository or in a copy of it."""
    return root / "copyavg" / f"{module.replace('.', '/')}.py"


def modules() -> list[str]:
    """All modules whose mutants are tried, such as "points.newton"."""
    every = [
        ".".join(path.relative_to(ROOT / "copyavg").with_suffix("").parts)
        for path in sorted((ROOT / "copyavg").rglob("*.py"))
    ]
    return [
        name for name in every if f"{name}.".startswith(tuple(f"{wing}." for wing in WINGS)) and "__init__" not in name
    ]


def is_stale(module: str, entry: dict, root: Path = ROOT) -> bool:
    """Whether the module has changed since its mutants were tried, or is gone."""
    path = module_path(module, root)
    return not path.exists() or digest_of_files([path]) != entry["code"]


def killed(entry: dict) -> float:
    """The share of the mutants that some test noticed, by failing or by not ending."""
    return (entry["killed"] + entry["timeout"]) / entry["mutants"]


def equivalent(entry: dict) -> float:
    """The share of the mutants that are claimed to change nothing that a caller can see."""
    return len(entry["equivalent"]) / entry["mutants"]


def meets_targets(entry: dict) -> bool:
    """Whether enough mutants were killed, and few enough explained away; untried ones count as not killed."""
    return killed(entry) >= LEAST_KILLED and equivalent(entry) <= MOST_EQUIVALENT

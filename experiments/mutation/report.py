"""What experiments/data/mutation.json says of a module, and whether it still says it of today's."""

from pathlib import Path

from copyavg.book.digest import digest_of_files

ROOT = Path(__file__).parents[2]
LEAST_KILLED, MOST_EQUIVALENT = 0.95, 0.02  # shares of all mutants


def is_stale(module: str, entry: dict, root: Path = ROOT) -> bool:
    """Whether the module has changed since its mutants were tried, or is gone."""
    path = root / "copyavg" / f"{module.replace('.', '/')}.py"
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

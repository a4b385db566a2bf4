"""The command line that the benchmarks share: measure, print, and write what the page Performance shows."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from copyavg.book.check import printable


def run(
    description: str, measure: Callable[[bool], dict[str, Any]], table: Callable[[dict], str], data: Path, quick: str
) -> None:
    """Measure, quickly if asked to, print the table, and write the report to `data` unless it was quick."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help=f"{quick}, to try the script")
    parser.add_argument("--output", type=Path, help=f"the JSON file; {data.name} among the data, none if --quick")
    options = parser.parse_args()
    if options.output and not options.output.parent.is_dir():
        parser.error(f"--output must be a file in an existing folder, but was given {options.output}")
    report = measure(options.quick)
    print(printable(table(report)))
    output = options.output or (None if options.quick else data)
    if output:
        output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

"""``python -m benchmarks``: measure, and print every figure beside its yardstick."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict

from benchmarks import measures


def main() -> None:
    """Run every measure and print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON value and nothing else")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured (default %(default)s)")
    options = parser.parse_args()
    found = [row for measure in measures.ALL for row in measure(options.rounds)]
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    if options.json:
        print(
            json.dumps(
                {"machine": machine, "measures": [asdict(row) | {"ratio": row.ratio} for row in found]}, indent=1
            )
        )
        return
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    for row in found:
        print(f"\n{row.name}, {row.unit}")
        print(f"  {_shown(row.ours)}  qa-service")
        print(f"  {_shown(row.yardstick)}  {row.against}")
        print(f"  {_shown(row.ratio)}  ratio")


def _shown(value: float) -> str:
    return f"{value:>12,.0f}" if value >= 1_000 else f"{value:>12.3g}"


if __name__ == "__main__":
    main()

"""Numbers of instruction pools: ``python -m tests.support.pool_numbers NAME...``."""

from __future__ import annotations

import sys

from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.instructions import load_instructions
from m3it_builder.report.instruction_statistics import pool_statistics


def main() -> None:
    folder = bundled("task_cards").parent / "instructions"
    names = sys.argv[1:] or sorted(path.stem for path in folder.glob("*.json"))
    for name in names:
        texts = [one.text for one in load_instructions(folder / f"{name}.json")]
        (one,) = pool_statistics({name: texts})
        sys.stdout.write(
            f"{name:28} {one.instructions:3} texts  tokens {one.tokens:5.1f} ± {one.tokens_sd:4.1f}"
            f"  characters {one.characters:5.1f}  distance {one.within:5.1f} ± {one.within_sd:4.1f}"
            f"  of the longer {one.within_share:.2f}\n"
        )


if __name__ == "__main__":
    main()

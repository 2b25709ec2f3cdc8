"""``m3it stats``: numbers that describe the collection."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson
from m3it_builder.cli.output import print_json, print_table

if TYPE_CHECKING:
    from m3it_builder.report.instruction_statistics import PoolStatistics

_PUBLISHED = ("M3IT, as published", "", "400", "24.4 ± 9.6", "", "76.6 ± 37.2", "", "106.6 ± 39.5")


def stats(
    instructions: Annotated[
        bool,
        typer.Option(
            "--instructions", help="Instruction pools: number, lengths, edit distances, by group."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print statistics of the instruction pools, as Table 2 of the M3IT paper does.

    Tokens are separated by white space. Edit distances are Levenshtein distances in characters, of
    two instructions of one pool and of two pools; the share is the distance divided by the length
    of the longer one. For example:

    m3it stats --instructions
    """
    if not instructions:
        raise typer.BadParameter("say what to count: --instructions")
    from m3it_builder.report.instruction_statistics import all_statistics

    rows = all_statistics()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    columns = ("group", "pools", "texts", "tokens", "characters", "within", "share", "across")
    print_table(columns, [*map(_cells, rows), _PUBLISHED])


def _cells(row: "PoolStatistics") -> tuple[str, ...]:
    across = "" if row.across is None else f"{row.across:.1f} ± {row.across_sd:.1f}"
    return (
        row.name,
        str(row.pools),
        str(row.instructions),
        f"{row.tokens:.1f} ± {row.tokens_sd:.1f}",
        f"{row.characters:.0f} ± {row.characters_sd:.0f}",
        f"{row.within:.1f} ± {row.within_sd:.1f}",
        f"{row.within_share:.2f}",
        across,
    )

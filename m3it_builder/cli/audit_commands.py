"""``audit`` and ``sql``: queries over a finished build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson, BuildFolder

if TYPE_CHECKING:
    from m3it_builder.audits.runner import Finding

_MAX_ROWS = 10  # of one finding; --json has more


def audit(
    build: BuildFolder,
    sql: Annotated[
        str | None,
        typer.Argument(help="Run this query instead of the audits; its rows are findings."),
    ] = None,
    audits: Annotated[
        list[Path] | None,
        typer.Option("--audits", help="Folder of additional *.sql audits; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run SQL audits over a finished build.

    Audits look for leaks between splits, duplicate ids and rows, counts that do
    not add up, and unevenly used instructions. They read text only, no images.
    Exits with status 1 if there are findings of level error. For example:

    m3it audit build

    m3it audit build "SELECT id FROM instances WHERE length(outputs) > 500"
    """
    from m3it_builder.audits.runner import Finding, query
    from m3it_builder.audits.runner import audit as run_audits
    from m3it_builder.cli.output import print_json

    if sql is not None:
        table = query(build, sql)
        about, count = "The query returned rows.", len(table.rows)
        findings = [Finding("your query", about, "error", table.columns, table.rows, count)]
    else:
        findings = list(run_audits(build, audits or ()))
    if as_json:
        print_json(
            [
                {
                    "audit": finding.audit,
                    "about": finding.about,
                    "level": finding.level,
                    "count": finding.count,
                    "rows": [dict(zip(finding.columns, row, strict=True)) for row in finding.rows],
                }
                for finding in findings
            ]
        )
    else:
        _print_findings(findings)
    if any(finding.count and finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def sql(
    build: BuildFolder,
    query: Annotated[
        str | None,
        typer.Argument(help="A DuckDB query; without it, the columns of the views are listed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Query a finished build with DuckDB SQL.

    The views are instances, rejects and cards. For example:

    m3it sql build "SELECT split, count(*) FROM instances GROUP BY ALL"

    m3it sql build "SELECT reason, count(*) FROM rejects GROUP BY ALL"

    m3it sql build "COPY (SELECT id, outputs FROM instances) TO 'answers.csv'"
    """
    from m3it_builder.audits import runner as audits
    from m3it_builder.cli.output import print_json, print_table

    if query is None:
        views = audits.views(build)
        if as_json:
            print_json({name: {row[0]: row[1] for row in view.rows} for name, view in views})
            return
        for name, view in views:
            print_table(("column", "type"), [row[:2] for row in view.rows], title=name)
        return
    table = audits.query(build, query)
    if as_json:
        print_json([dict(zip(table.columns, row, strict=True)) for row in table.rows])
    else:
        print_table(table.columns, table.rows)


def _print_findings(findings: list[Finding]) -> None:
    from m3it_builder.cli.output import print_table

    rows = []
    for finding in findings:
        result = finding.level if finding.count else "ok"
        rows.append((result, finding.audit, finding.count, finding.about if finding.count else ""))
    print_table(("result", "audit", "rows", "meaning"), rows)
    for finding in findings:
        if finding.count:
            shown = min(_MAX_ROWS, finding.count)
            title = f"{finding.audit} (first {shown} of {finding.count:,})"
            print_table(finding.columns, finding.rows[:_MAX_ROWS], title=title)

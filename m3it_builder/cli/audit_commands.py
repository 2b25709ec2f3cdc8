"""``audit`` and ``sql``: queries over a finished build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from m3it_builder.cli.options import AsJson, BuildFolder

if TYPE_CHECKING:
    from m3it_builder.audits.runner import Finding
    from m3it_builder.cli.query_output import Form

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

    Audits look for leaks between splits, duplicate ids and rows, missing rows, counts
    that do not add up, and unevenly used instructions. They read text only, no images.
    Exits with status 1 if there are findings of level error. For example:

    m3it audit build

    m3it audit build "SELECT id FROM instances WHERE length(outputs) > 500"

    Every audit is one SELECT. It can read the files of the build, and nothing else: it
    cannot write, use the network, load extensions or change settings. It has 1 GB of
    memory, and temporary files beyond it (in $TMPDIR). All findings are counted, and the
    first 10 of each audit listed; --json has the first 1,000.
    """
    from m3it_builder.audits.runner import audit as run_audits
    from m3it_builder.audits.runner import audit_query
    from m3it_builder.cli.output import print_json

    findings = [audit_query(build, sql)] if sql is not None else run_audits(build, audits or ())
    findings = list(findings)
    if as_json:
        print_json([_as_json(finding) for finding in findings])
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
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object per line.")
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print comma-separated values with a header.")
    ] = False,
    as_tsv: Annotated[
        bool, typer.Option("--tsv", help="Print tab-separated values with a header.")
    ] = False,
    safe: Annotated[
        bool,
        typer.Option("--safe", help="Allow only one SELECT that reads nothing but the build."),
    ] = False,
) -> None:
    """Query a finished build with DuckDB SQL.

    The views are instances, rejects and cards. For example:

    m3it sql build "SELECT split, count(*) FROM instances GROUP BY ALL"

    m3it sql build "SELECT reason, count(*) FROM rejects GROUP BY ALL"

    m3it sql build "COPY (SELECT id, outputs FROM instances) TO 'answers.csv'"

    A query may do what you may do: read and write any file (COPY, read_text), attach
    databases, use the network and install extensions. Run queries of other people with
    --safe: one SELECT that can read the files of the build, and nothing else.

    It has 1 GB of memory, and temporary files beyond it (in $TMPDIR); without --safe,
    "SET memory_limit = '8GB'; SELECT ..." allows more.

    Rows that are too wide for a table are printed as blocks. In CSV null is empty, and
    nested values are JSON. In JSON, CSV and TSV the names of columns are made unique
    (a, a_2), NaN and infinity are the strings NaN, Infinity and -Infinity, and BLOBs are
    base64. In JSON integers have all digits, and decimals and times are strings. --json
    holds all rows in memory, --jsonl, --csv and --tsv do not.
    """
    from m3it_builder.audits.runner import run_query
    from m3it_builder.cli.query_output import print_rows

    form = _form(as_json, as_jsonl, as_csv, as_tsv)
    if query is None:
        _print_views(build, form)
        return
    with run_query(build, query, safe=safe) as result:
        print_rows(result.columns, result.rows, form)


def _form(as_json: bool, as_jsonl: bool, as_csv: bool, as_tsv: bool) -> Form:
    options = (as_json, as_jsonl, as_csv, as_tsv)
    forms: tuple[Form, ...] = ("json", "jsonl", "csv", "tsv")
    chosen = [form for form, given in zip(forms, options, strict=True) if given]
    if len(chosen) > 1:
        listed = " and ".join(f"--{form}" for form in chosen)
        raise typer.BadParameter(f"{listed} exclude each other; use one of them")
    return chosen[0] if chosen else "table"


def _print_views(build: Path, form: Form) -> None:
    from m3it_builder.audits.runner import views
    from m3it_builder.cli.output import print_json, print_table
    from m3it_builder.cli.query_output import print_rows

    listed = views(build)
    if form == "table":
        for name, view in listed:
            print_table(("column", "type"), [row[:2] for row in view.rows], title=name)
    elif form == "json":
        print_json({name: {row[0]: row[1] for row in view.rows} for name, view in listed})
    else:
        rows = [(name, *row[:2]) for name, view in listed for row in view.rows]
        print_rows(("view", "column", "type"), rows, form)


def _as_json(finding: Finding) -> dict[str, object]:
    from m3it_builder.cli.query_output import as_objects, distinct

    return {
        "audit": finding.audit,
        "about": finding.about,
        "level": finding.level,
        "count": finding.count,
        "rows": as_objects(distinct(finding.columns), finding.rows),
    }


def _print_findings(findings: list[Finding]) -> None:
    from m3it_builder.cli.output import print_table
    from m3it_builder.cli.query_output import print_readable

    rows = []
    for finding in findings:
        result = finding.level if finding.count else "ok"
        rows.append((result, finding.audit, finding.count, finding.about if finding.count else ""))
    print_table(("result", "audit", "rows", "meaning"), rows)
    for finding in findings:
        if finding.count:
            shown = min(_MAX_ROWS, finding.count)
            title = f"{finding.audit} (first {shown} of {finding.count:,})"
            print_readable(finding.columns, finding.rows[:_MAX_ROWS], title=title)

"""The sandbox of audits: one SELECT that can read a build, and write nothing.

Three layers, because none is enough. DuckDB's own settings bar all files but those of the build,
the network, extensions and changes of settings; but they allow *writing* in the build, too. A
read-only transaction protects the views. And the parsed query may contain nothing but SELECT, and
only table functions that read: since DuckDB 2.0, a WITH clause can contain COPY, some table
functions run SQL from a string, and others take memory addresses.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m3it_builder.errors import AuditError

if TYPE_CHECKING:
    import duckdb

VIEW = "audited"

_LOCKED = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
    "BEGIN TRANSACTION READ ONLY",
)
_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_TABLE_FUNCTIONS = frozenset(
    (
        *("range", "generate_series", "unnest", "repeat", "repeat_row"),
        *("histogram", "histogram_values", "json_each", "json_tree"),
        *("glob", "read_text", "read_blob", "read_parquet", "parquet_scan", "parquet_schema"),
        *("parquet_metadata", "parquet_file_metadata", "parquet_kv_metadata"),
        *("read_csv", "read_csv_auto", "sniff_csv", "read_json", "read_json_auto"),
        *("read_json_objects", "read_json_objects_auto"),
        *("read_ndjson", "read_ndjson_auto", "read_ndjson_objects"),
        *("duckdb_columns", "duckdb_functions", "duckdb_tables", "duckdb_types", "duckdb_views"),
        "pragma_table_info",
    )
)


def lock(base: duckdb.DuckDBPyConnection, build: Path, files: Iterable[Path]) -> None:
    """Bar everything but reading a build, until the connection is closed.

    Args:
        base: the database, with its views.
        build: folder of which all files can be read.
        files: of the views; through links, they may be outside of the folder.
    """
    # DuckDB compares patterns with these texts, and the files behind them with links resolved.
    folders = {os.path.abspath(build), os.path.realpath(build)}  # noqa: PTH100
    folders |= {glob.escape(folder) for folder in folders}
    linked = {name for file in files for name in (os.path.abspath(file), os.path.realpath(file))}  # noqa: PTH100
    linked |= {glob.escape(name) for name in linked}
    ended = [name.rstrip("/") + "/" for name in folders]
    base.execute(f"SET allowed_directories = {_listed(ended)}")
    base.execute(f"SET allowed_paths = {_listed(linked)}")
    for statement in _LOCKED:
        base.execute(statement)


def _listed(texts: Iterable[str]) -> str:
    """Return texts as a list in SQL."""
    return f"[{', '.join(_quoted(text) for text in sorted(texts))}]"


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def one_select(base: duckdb.DuckDBPyConnection, sql: str, name: str) -> duckdb.Statement:
    """Return the only statement of a text, parsed.

    Args:
        base: the database; nothing is run in it.
        sql: text of the query.
        name: of the query, for messages.

    Raises:
        AuditError: it is not one SELECT, or contains something else than queries.
        duckdb.Error: it cannot be parsed.
    """
    import duckdb

    statements = base.extract_statements(sql)
    if not statements:
        raise AuditError(f"{name}: nothing to run; write a SQL statement")
    types = [statement.type for statement in statements]
    if types != [duckdb.StatementType.SELECT]:
        listed = ", ".join(kind.name for kind in types[:5])
        raise AuditError(f"{name}: must be exactly one SELECT, but is {listed}; {_ADVICE}")
    for problem in _problems(_parsed(base, sql, name)):
        raise AuditError(f"{name}: contains {problem}, which is not allowed here; {_ADVICE}")
    return statements[0]


def create_view(base: duckdb.DuckDBPyConnection, sql: str, name: str) -> None:
    """Make the temporary view ``VIEW`` of a query, as ``one_select`` checks it.

    The query is the end of the statement that creates the view, so that it has no bracket to close.

    Raises:
        AuditError: it is not one SELECT, or contains something else than queries.
        duckdb.Error: it is invalid.
    """
    one_select(base, sql, name)
    statements = base.extract_statements(f"CREATE TEMP VIEW {VIEW} AS\n{sql}")
    if len(statements) != 1:
        raise AuditError(f"{name}: must be exactly one SELECT; {_ADVICE}")
    base.execute(statements[0])


_ADVICE = "run other statements with `m3it sql` without --safe (a PIVOT needs ON column IN (...))"


def _parsed(base: duckdb.DuckDBPyConnection, sql: str, name: str) -> Any:
    # fetchall: a result that is not complete blocks the connection since DuckDB 2.0.
    rows = base.execute("SELECT json_serialize_sql($sql::VARCHAR)", {"sql": sql}).fetchall()
    try:
        tree = json.loads(rows[0][0])
    except RecursionError as error:
        raise AuditError(f"{name}: nested too deeply; simplify it") from error
    if tree["error"]:
        raise AuditError(f"{name}: {tree['error_message']}; {_ADVICE}")
    return tree


def _problems(tree: Any) -> Iterator[str]:
    """Yield what a parsed query contains besides queries and functions that read."""
    pending = [tree]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += value.values()
            kind = value.get("type")
            if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _QUERIES:
                yield kind.removesuffix("_NODE").removesuffix("_QUERY")
            elif kind == "TABLE_FUNCTION":
                function = value["function"].get("function_name", "?").lower()
                if function not in _TABLE_FUNCTIONS:
                    yield f"the table function {function}()"
        elif isinstance(value, list):
            pending += value

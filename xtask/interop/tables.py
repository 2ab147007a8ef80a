"""Checks the tables of `seqtrace export --to parquet` with DuckDB and Polars.

Usage: tables.py FOLDER DOCUMENT FILE.json…, each FILE.json with the output of `replay --format json` of the recording
FILE. Compares the rows of each recording with JSON, and runs each query of DOCUMENT, a block ```sql, on both engines.
Prints a line `ok NAME` or `not ok NAME: reason` for each recording and query.
"""

import json
import pathlib
import re
import sys
import traceback

import duckdb
import polars as pl

TABLES = ["sessions", "reads", "callbacks", "findings", "gaps", "headers"]


def attempt(name, check):
    try:
        check()
        print(f"ok {name}")
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1].line
        reason = f"{type(error).__name__} {error} at {line}".replace("\n", " ")
        print(f"not ok {name}: {reason}")


def engines(folder):
    """Returns functions that run a query: on DuckDB and on Polars."""
    database = duckdb.connect()
    frames = {}
    for table in TABLES:
        files = f"{folder}/{table}/**/*.parquet"
        database.execute(
            f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{files}', hive_partitioning = true)"
        )
        frames[table] = pl.scan_parquet(files, hive_partitioning=True)
    context = pl.SQLContext(frames, eager=True)
    return {
        "duckdb": lambda query: database.execute(query).fetchall(),
        "polars": lambda query: context.execute(query).rows(),
    }


def compare(run, recording, objects):
    def of_type(name):
        return [one for one in objects if one["type"] == name]

    def rows(columns, table, order, where="true"):
        return run(
            f"SELECT {columns} FROM {table} WHERE recording = '{recording}' AND {where} ORDER BY {order}"
        )

    def number(session):
        return int(session[1:])

    expected = [
        (number(one["session"]), int(one["time"]), one["role"], one["fate"], one["pos_in"], one["bytes"])
        for one in of_type("cb")
    ]
    columns = "session, time, role, fate, pos_in, bytes"
    assert sorted(rows(columns, "callbacks", "time"), key=str) == sorted(expected, key=str)

    names = {
        (number(one["session"]), role): one[role]["name"] or one[role]["address"]
        for one in of_type("open")
        for role in ["start", "next", "show", "stop"]
        if one[role]
    }
    for session, role, function in rows("session, role, function", "callbacks", "time"):
        assert names.get((session, role)) == function, (session, role, function)

    reads = sorted((number(one["session"]), int(one["time"]), one["ret"], one["want"]) for one in of_type("read"))
    assert sorted(rows("session, time, ret, want", "reads", "time", "call = 'read'")) == reads
    sessions = sorted((number(one["session"]), one["path"], one["emitted"]) for one in of_type("close"))
    columns = "session, path, emitted"
    assert sorted(rows(columns, "sessions", "session", "closed IS NOT NULL")) == sessions
    openers = sorted((number(one["session"]), one["comm"]) for one in of_type("open") if one["ret"] == 0)
    assert sorted(rows("session, comm", "sessions", "session", "closed IS NOT NULL")) == openers
    findings = sorted((number(one["session"]), one["id"], one["message"]) for one in of_type("finding"))
    assert sorted(rows("session, rule, message", "findings", "time")) == findings
    lost = sorted(one["lost"] for one in of_type("gap"))
    assert sorted(one for (one,) in rows("lost", "gaps", "time", "kind = 'lost'")) == lost
    header, sums = of_type("header")[0], of_type("end")[0]
    columns = "host, kernel, version, callbacks, reads, lost, missed, cut"
    assert rows(columns, "headers", "began") == [
        ("golden", header["kernel"], header["version"], sums["callbacks"], sums["reads"], sums["lost"],
         sums["missed"], False)
    ]


def same(one, other):
    """Compares results: engines may differ in the last bits of a float."""
    assert len(one) == len(other) and one, f"{len(one)} rows and {len(other)} rows"
    for left, right in zip(one, other):
        for a, b in zip(left, right, strict=True):
            close = isinstance(a, float) and abs(a - b) <= 1e-6 * max(abs(a), 1)
            assert a == b or close, f"{left} and {right}"


folder, document, *files = sys.argv[1:]
engine = engines(folder)
for name, run in engine.items():
    for file in map(pathlib.Path, files):
        objects = [json.loads(line) for line in file.open()]
        attempt(f"{name} {file.stem}", lambda: compare(run, file.stem, objects))
queries = re.findall(r"```sql\n(.*?)```", pathlib.Path(document).read_text(), re.DOTALL)
assert queries, "no query in the document"
for index, query in enumerate(queries, 1):
    attempt(f"query {index}", lambda: same(engine["duckdb"](query), engine["polars"](query)))

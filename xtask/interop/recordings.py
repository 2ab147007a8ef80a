"""Checks that recordings contain the same in pyarrow as in the output of seqtrace.

Usage: recordings.py FILE.seqtrace…, each with the output of `replay --format json` beside it as FILE.json.
Prints a line `ok NAME` or `not ok NAME: reason` for each recording.
"""

import json
import pathlib
import sys
import traceback

import pyarrow as pa
import pyarrow.compute as pc


def of_kind(table, kind):
    return table.filter(pc.equal(table["kind"], kind))


def compare(path):
    table = pa.ipc.open_stream(path).read_all()
    objects = [json.loads(line) for line in path.with_suffix(".json").open()]

    def of_type(name):
        return [one for one in objects if one["type"] == name]

    header = of_type("header")[0]
    assert table.schema.metadata[b"seqtrace.kernel"].decode() == header["kernel"]

    # Callbacks in order. The table has the kernel's numbers of sessions, JSON has seqtrace's.
    callbacks = of_kind(table, "callback")
    assert callbacks["role"].to_pylist() == [one["role"] for one in of_type("cb")]
    assert callbacks["index"].to_pylist() == [one["pos_out"] for one in of_type("cb")]
    assert callbacks["count"].to_pylist() == [one["count"] for one in of_type("cb")]

    reads = of_kind(table, "read_exit")
    assert reads["ret"].to_pylist() == [one["ret"] for one in of_type("read")]

    # replay does not show seqtrace's own opens and those that were not selected.
    opens = of_kind(table.filter(pc.equal(table["shown"], True)), "open")
    assert [bytes(one).decode() for one in opens["comm"].to_pylist()] == [
        one["comm"] for one in of_type("open")
    ]
    assert [bytes(one).decode() for one in opens["path"].to_pylist()] == [
        one["path"] for one in of_type("open")
    ]

    sums = of_type("end")[0]
    assert callbacks.num_rows == sums["callbacks"] > 0
    assert pc.sum(pc.fill_null(table["lost"], 0)).as_py() == sums["lost"]


for name in sys.argv[1:]:
    path = pathlib.Path(name)
    try:
        compare(path)
        print(f"ok {path.stem}")
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1].line
        print(f"not ok {path.stem}: {type(error).__name__} {error} at {line}")

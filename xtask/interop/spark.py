"""Runs the queries of docs/fleet.md on Spark in local mode, before a release.

Usage: spark.py FOLDER DOCUMENT, with a folder of `seqtrace export --to parquet`. Needs pyspark and a JRE (17 or later).
Prints the first rows of each result.
"""

import pathlib
import re
import sys

from pyspark.sql import SparkSession

folder, document = sys.argv[1:]
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False).getOrCreate()
for table in ["sessions", "reads", "callbacks", "findings", "gaps", "headers"]:
    spark.read.parquet(f"{folder}/{table}").createOrReplaceTempView(table)
queries = re.findall(r"```sql\n(.*?)```", pathlib.Path(document).read_text(), re.DOTALL)
for query in queries:
    spark.sql(query.replace("quantile_cont", "percentile")).show(3)
print(f"ok {len(queries)} queries")

"""Parquet files written page by page; terms are those of parquet.thrift."""

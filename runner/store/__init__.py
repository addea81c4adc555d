"""Sealed records (`record`), the DuckDB store made of them (`ingest`), the snapshot that everybody reads."""

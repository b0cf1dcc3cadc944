"""Benchmarks: each prints one table and writes its figures under ``runs/bench``."""

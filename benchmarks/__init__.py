"""Benchmarks: suite → plan → cell → run. The harness that every variant goes through alike."""

"""What `make perf` tells: rows, a table and a figure, made from the raw seconds that `benchmarks/perf` stored."""

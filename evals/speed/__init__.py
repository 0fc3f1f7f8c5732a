"""Speed benchmarks. `all` runs every one of them: `make bench`."""

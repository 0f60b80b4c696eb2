"""leanstage beside other toolkits, on the same models and rows: ``docs/benchmarks.md``."""

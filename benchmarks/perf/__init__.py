"""Speed, measured side by side: each part alternates ours with another way to do the same, and stores seconds.

What is made of the seconds (ratios, their spread, verdicts) is told by `reports/perf`, from what is stored.
"""

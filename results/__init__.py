"""Results: the record of one cell, the store that keeps it, the frames that read it.

Knows neither torch nor fusion; what is told about an entry stands in the run's suite.json.
"""

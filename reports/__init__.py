"""Reports: statistics, tables, figures and the page, as a pure function of a results folder.

Knows neither torch nor fusion: what is told about an entry or a data set stands in the run's suite.json.
"""

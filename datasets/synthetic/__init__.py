"""Synthetic data with an exact ceiling: the best accuracy that any method can reach is known.

`dials` says what can be set, `templates` what a cue looks like in a modality, `generator` draws rows,
`posterior` computes p(y | x) for every subset of modalities, `sets` registers the data sets.
"""

"""Synthetic data with an exact ceiling: the best accuracy that any method can reach is known.

`dials` says what can be set (`checks` refuses the rest), `templates` what a cue looks like in a modality,
`generator` draws rows and `nuisances` what befalls them, `evidence` and `posterior` compute p(y | x) for every
subset of modalities, `ceilings` averages it, `sets` registers the data sets.
"""

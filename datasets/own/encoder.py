"""Tables to vectors: what is learnt of a column (medians, which values exist) is learnt on training rows.

How wide a vector is must be known before rows are split, and so follows from the whole table; what stands in
it does not. The vector holds, in this order: the numeric columns; a 0/1 column for each numeric column with
gaps; for each categorical column a 0/1 column a value and, where it has gaps, one for the gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .columns import COLUMNS_EACH, Columns


@dataclass(frozen=True, eq=False)
class Encoder:
    """What training rows say about the columns of a table.

    Parameters
    ----------
    medians
        One a numeric column: what an absent cell is read as; 0 where no training row has a value.
    places
        For each categorical column the place of every value among its 0/1 columns, −1 for a value that no
        training row has: it is all zeros, so that no untrained weight speaks.
    """

    medians: np.ndarray
    places: tuple[np.ndarray, ...]

    def encode(self, table: Columns, rows: np.ndarray) -> np.ndarray:
        """Return float32 vectors of shape (len(rows), width(table)), 0 in rows that are absent.

        Numbers keep their unit: who needs standardised inputs standardises them.
        """
        numeric, codes = table.numeric[rows], table.codes[rows]
        absent = np.isnan(numeric)
        split = numeric.shape[1]
        parts = [np.where(absent, self.medians, numeric), absent[:, table.gaps[:split]]]
        for column, place in enumerate(self.places):
            own = codes[:, column]
            hot = np.where(own < 0, -1, place[own])
            parts.append(hot[:, None] == np.arange(table.widths[column]))
            if table.gaps[split + column]:
                parts.append((own < 0)[:, None])
        vectors = np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")
        vectors[~table.present[rows]] = 0
        return vectors


def width(table: Columns) -> int:
    """Return how many numbers a row becomes."""
    return table.numeric.shape[1] + int(table.gaps.sum()) + sum(table.widths)


def fit(table: Columns, rows: np.ndarray) -> Encoder:
    """Return the encoder that training rows (indexes) give."""
    from sklearn.impute import SimpleImputer

    numeric, codes = table.numeric[rows], table.codes[rows]
    medians = np.empty(0)
    if numeric.shape[1]:
        imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(numeric)
        medians = np.nan_to_num(np.asarray(imputer.statistics_, dtype=np.float64))
    places = [_places(codes[:, column], len(values)) for column, values in enumerate(table.categories)]
    return Encoder(medians, tuple(places))


def _places(codes: np.ndarray, values: int) -> np.ndarray:
    counts = np.bincount(codes[codes >= 0], minlength=values)
    place = np.arange(values)
    if values > COLUMNS_EACH:  # the most frequent have a column each, in the order of frequency
        by_count = np.argsort(-counts, kind="stable")
        place[by_count] = np.minimum(np.arange(values), COLUMNS_EACH - 1)
    return np.where(counts > 0, place, -1)

"""Misalignment, absence, label noise, levels, shifts and shared noise: the exact posterior in every mixture.

`Law` writes the law of a setting out: a table of all symbols, every shift, every level, and the Gaussian density
of the whole of x with its full covariance. It shares with the package the templates, and nothing else.
"""

from functools import cached_property, reduce
from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp

from fusebench.core.seeding import generator
from fusebench.datasets.synthetic.ceilings import ceilings, subsets_of
from fusebench.datasets.synthetic.dials import Dials
from fusebench.datasets.synthetic.generator import draw_inputs, draw_symbols, project
from fusebench.datasets.synthetic.nuisances import draw_nuisances
from fusebench.datasets.synthetic.posterior import log_posterior
from fusebench.datasets.synthetic.templates import direction, patterns_of


class Law:
    """p(y, x_S) of tiny settings by going through everything that can be the case."""

    def __init__(self, **options):
        self.dials = Dials(**options)
        self.classes, self.several = self.dials.classes, len(self.dials.inputs)
        self.contents = list(product(range(self.classes), repeat=3))  # what one modality can hold: r, u, a
        bases = [p.reshape(3 * self.classes, -1) for p in patterns_of(self.dials)]
        self.sizes = [basis.shape[1] for basis in bases]
        self.means = [
            np.array([sum(d[m] * basis[c * self.classes + s[c]] for c, d in enumerate(self.dials.strengths))
                      for s in self.contents])
            for m, basis in enumerate(bases)
        ]  # fmt: skip
        self.shared = [
            self.dials.correlated_noise * direction(self.dials)[:, m].ravel() @ b for m, b in enumerate(bases)
        ]
        self.inside = [basis.T @ basis for basis in bases]

    def channel(self, rho):
        """P(c|y), row y."""
        return rho * np.eye(self.classes) + (1 - rho) / self.classes

    @cached_property
    def table(self):
        """P(contents of all modalities | y): one axis for y, then one of K³ for each modality."""
        k, dials = self.classes, self.dials
        red, syn = self.channel(dials.rho_r), self.channel(dials.rho_s)
        private = [self.channel(rho) for rho in dials.private_rho]
        aligned = np.zeros((k, *[k**3] * self.several))
        for y, r in product(range(k), repeat=2):
            for us, shares in product(product(range(k), repeat=self.several), repeat=2):
                at = tuple(r * k * k + u * k + a for u, a in zip(us, shares, strict=True))
                p = red[y, r] * syn[y, sum(shares) % k] / k ** (self.several - 1)
                aligned[(y, *at)] += p * np.prod([private[m][y, u] for m, u in enumerate(us)])
        strangers = [np.einsum("y,yr,yu,a->rua", dials.prior, red, p, np.full(k, 1 / k)).ravel() for p in private]
        total = np.zeros_like(aligned)
        for off in product([False, True], repeat=self.several):
            part, weight = aligned, 1.0
            for m, stranger in enumerate(strangers):
                weight *= dials.misalignment[m] if off[m] else 1 - dials.misalignment[m]
                if off[m]:
                    shape = [-1 if axis == m + 1 else 1 for axis in range(part.ndim)]
                    part = part.sum(axis=m + 1, keepdims=True) * stranger.reshape(shape)
            total += weight * part
        return total

    def covariance(self, seen):
        """Of x_S around its content, before it is rolled."""
        shared = np.concatenate([self.shared[m] for m in seen])
        full, start = np.outer(shared, shared), 0
        for m in seen:
            span = slice(start, start + self.sizes[m])
            full[span, span] += self.inside[m] + self.dials.clutter**2 * (np.eye(self.sizes[m]) - self.inside[m])
            start += self.sizes[m]
        return full

    def log_joint(self, inputs, present, seen):
        """log p(x_S, presence | y) + log π_y, (n, K), up to a number for each row."""
        joint = np.full((len(present), self.classes), np.nan)
        for pattern in np.unique(present, axis=0):
            rows = (present == pattern).all(axis=1)
            there = [m for m in seen if pattern[m]]
            absence = [p if not pattern[m] else 1 - p for m, p in enumerate(self.dials.absence) if m in seen]
            with np.errstate(divide="ignore"):
                told = np.log(self.dials.prior) + sum(np.log(p) for p in absence)
            joint[rows] = told + (self._density([x[rows] for x in inputs], there) if there else 0)
        return joint

    def _density(self, inputs, there):
        lost = tuple(m + 1 for m in range(self.several) if m not in there)
        with np.errstate(divide="ignore"):
            weights = np.log(self.table.sum(axis=lost).reshape(self.classes, -1))
        whiten = np.linalg.inv(np.linalg.cholesky(self.covariance(there)))
        means = np.array([np.concatenate(part) for part in product(*[self.means[m] for m in there])]) @ whiten.T
        terms = []
        for shifts in product(range(self.dials.time_shift + 1), repeat=len(there)):
            back = [np.roll(inputs[m], -s, axis=-1) for m, s in zip(there, shifts, strict=True)]
            x = np.concatenate([b.reshape(len(b), -1) for b in back], axis=1) @ whiten.T
            for level, weight in self.dials.levels:
                off = (x**2).sum(axis=1)[:, None] - 2 * level * x @ means.T + level**2 * (means**2).sum(axis=1)
                terms.append(np.log(weight) + logsumexp(weights[:, None] - off / 2, axis=2).T)
        return logsumexp(terms, axis=0)

    def log_posterior(self, inputs, present, seen):
        joint = self.log_joint(inputs, present, seen)
        given = self.channel(1 - self.dials.label_noise)
        joint = logsumexp(joint[:, :, None], b=given, axis=1)
        return joint - logsumexp(joint, axis=1, keepdims=True)

    def draw(self, rows, rng):
        """Draw inputs and presence: contents from the table, noise from its covariance."""
        labels = rng.choice(self.classes, size=rows, p=self.dials.prior)
        flat = self.table.reshape(self.classes, -1)
        places = np.array([rng.choice(flat.shape[1], p=flat[y]) for y in labels])
        contents = np.unravel_index(places, self.table.shape[1:])
        levels, weights = np.array(self.dials.levels).T
        level = rng.choice(levels, size=(rows, 1), p=weights)
        mean = np.concatenate([level * self.means[m][contents[m]] for m in range(self.several)], axis=1)
        full = np.linalg.cholesky(self.covariance(range(self.several)))
        x = np.split(mean + rng.standard_normal(mean.shape) @ full.T, np.cumsum(self.sizes)[:-1], axis=1)
        inputs = [part.reshape(rows, *m.shape) for part, m in zip(x, self.dials.inputs, strict=True)]
        for part in inputs:
            for row, shift in enumerate(rng.integers(self.dials.time_shift + 1, size=rows)):
                part[row] = np.roll(part[row], shift, axis=-1)
        return inputs, rng.random((rows, self.several)) >= self.dials.absence.T[labels]


ALL = {"d_r": [1, 1.5], "d_u": [0.7, 1.5], "d_s": [2, 2.5], "rho_r": 0.7, "rho_u": [0.5, 0.9], "rho_s": 0.8}
TWO = {"modalities": ["tabular", "embedding"], "classes": 2, **ALL}
THREE = {
    "modalities": ["tabular", "tabular", "embedding"], "classes": 2,
    "d_r": 1, "d_u": [1, 0, 1.5], "d_s": 2.5, "rho_r": 0.7, "rho_u": 0.8, "rho_s": 0.9,
}  # fmt: skip
BY_CLASS = [[0.1, 0.6], 0.2]
EVERY = {
    "misaligned": 0.2, "missing": 0.2, "label_noise": 0.1, "snr_levels": [[0.5, 0.4], [1.5, 0.6]],
    "time_shift": 1, "correlated_noise": 1.5, "imbalance": 2,
}  # fmt: skip
MIXED = {
    "misaligned": TWO | {"misaligned": 0.3},
    "misaligned apart, imbalanced": TWO | {"misaligned": [0.6, 0.1], "imbalance": 3},
    "always misaligned": THREE | {"misaligned": [0, 1, 0]},
    "missing": THREE | {"missing": 0.3},
    "missing by class, misaligned": TWO | {"missing": BY_CLASS, "misaligned": 0.2, "imbalance": 2},
    "label noise, imbalanced, missing": TWO | {"label_noise": 0.3, "imbalance": 4, "missing": BY_CLASS},
    "levels": THREE | {"snr_levels": [[0, 0.2], [1, 0.3], [2, 0.5]]},
    "levels, misaligned": TWO | {"snr_levels": [[0.5, 0.5], [2, 0.5]], "misaligned": [0.2, 0.4]},
    "shifted": TWO | {"time_shift": 3},
    "shifted, clutter 1": TWO | {"time_shift": 2, "clutter": 1},
    "shifted, misaligned, missing": THREE | {"time_shift": 1, "misaligned": 0.2, "missing": 0.2, "clutter": 0.6},
    "shared noise": TWO | {"correlated_noise": 2},
    "shared noise, levels, shifted": TWO | {
        "correlated_noise": 3, "snr_levels": [[1, 0.5], [2, 0.5]], "time_shift": 2, "clutter": 0.7,
    },
    "shared noise, missing, misaligned": THREE | {"correlated_noise": 1, "missing": 0.3, "misaligned": 0.1},
    "every dial": TWO | EVERY | {"missing": BY_CLASS},
    "every dial, three modalities": THREE | EVERY,
    "every dial, three classes": TWO | EVERY | {"classes": 3, "missing": [0.1, [0, 0.3, 0.6]]},
    "every dial, no synergy": TWO | EVERY | {"d_s": 0},
    "every dial, synergy alone": TWO | EVERY | {"d_r": 0, "d_u": 0, "d_s": [3, 4]},
    "every dial, an image and a sound": TWO | EVERY | {"modalities": ["image", "audio"], "time_shift": 2},
    "five modalities": {
        "modalities": ["tabular"] * 5, "classes": 2, "d_r": [1, 0, 1, 2, 0], "d_u": [0, 1, 1, 0, 2], "rho_r": 0.7,
        "rho_u": 0.8, "misaligned": 0.2, "missing": 0.2, "label_noise": 0.1, "correlated_noise": 1,
    },
}  # fmt: skip


def rows_of(dials, rows, rng):
    """Draw rows as the data sets do: inputs, presence and projections."""
    labels, symbols = draw_symbols(dials, rows, rng)
    hidden = draw_nuisances(dials, labels, rng)
    inputs = draw_inputs(dials, patterns_of(dials), symbols, rng, hidden)
    return inputs, hidden.present, project(inputs, patterns_of(dials), hidden.present, dials.time_shift)


@pytest.mark.parametrize("options", MIXED.values(), ids=MIXED.keys())
def test_posterior_equals_enumeration_of_everything_unseen(options):
    law = Law(**options)
    inputs, present, z = rows_of(law.dials, 40, np.random.default_rng(3))
    for seen in subsets_of(law.several) if law.several < 5 else [(0, 1, 2, 3, 4), (1, 3), (0, 2, 4)]:
        expected = law.log_posterior(inputs, present, seen)
        tolerance = 1e-9 if law.dials.correlated_noise else 1e-10
        np.testing.assert_allclose(log_posterior(z, law.dials, seen), expected, rtol=0, atol=tolerance)


LONG = {"every dial, three modalities", "every dial, three classes", "every dial, an image and a sound"}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(options, id=name, marks=[pytest.mark.nightly] if name in LONG else [])
        for name, options in MIXED.items()
        if name != "five modalities"
    ],
)
def test_ceilings_equal_those_of_rows_drawn_from_the_law_written_out(options):
    law, rows = Law(**options), 1_500
    inputs, present = law.draw(rows, generator("law", options=str(options)))
    made = ceilings(law.dials, generator("ceilings", options=str(options)), 3_000)["subsets"]
    names = [m.name for m in law.dials.inputs]
    prior = law.dials.prior @ law.channel(1 - law.dials.label_noise)
    for seen in [(0,), tuple(range(law.several))]:
        log_p = law.log_posterior(inputs, present, seen)
        p = np.exp(log_p)
        values = {"accuracy": p.max(axis=1), "mutual_information": (p * (log_p - np.log(prior))).sum(axis=1)}
        row = made["+".join(names[m] for m in seen)]
        for game, each in values.items():
            error = np.hypot(each.std() / np.sqrt(rows), row[f"{game}_se"])
            assert abs(each.mean() - row[game]) <= 4 * error + 1e-12, (seen, game)
    assert made["none"]["accuracy"] == pytest.approx(reduce(max, prior))

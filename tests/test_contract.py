"""The contract: every entry under every check meant for it, and for every check an entry that breaks it."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from torch import nn

from fusebench import fusion, listing
from fusebench.datasets import Inputs
from fusebench.fusion import REGISTRY, FusionNetwork, register, resolve
from fusebench.fusion.checks import CHECKS, applies, run_check
from fusebench.fusion.classical import ClassicalVariant

fusion.load_all()

EDITIONS = [
    "concat_features(width=matched)",
    "merge_sum(width=matched)",
    "merge_network(gates=true)",
    "merge_network(hidden=32)",
    "merge_network(linear=true)",
    "low_rank_fusion(rank=1)",
    "late_mean(experts=unimodal_classical)",
    "unimodal_classical(learner=logreg)",
    "contrastive_pretrain_concat(frozen=true)",
    "autoencoder_pretrain_concat(frozen=true)",
    "deep_cca(frozen=true)",
    "multimodal_autoencoder(shared=false)",
    "masked_crossmodal_pretrain(shared=false)",
    "tip_pretrain(frozen=true)",
    "refiner_staged(frozen=true)",
]


# what trains long runs at night and in `make test-contract`; so does what trains several times over, for entries
# beyond the tier core
LONG = {"learns_pure_synergy"}
REPEATED = {
    "keeps_the_last_batch",
    "keeps_its_word_on_absent_modalities",
    "leaves_inputs_alone",
    "repeats_itself",
    "selects_by_validation_alone",
    "stays_at_chance_on_pure_synergy",
    "takes_absent_modalities",
    "takes_every_number_and_kind",
    "takes_every_setting",
}


def pairs():
    for name in (*REGISTRY.ids, *EDITIONS):
        beyond = resolve(name)[0].tier != "core"
        for title in CHECKS:
            if applies(title, name):
                again = name in EDITIONS and title == "learns_an_easy_set"  # as its entry does
                late = title in LONG or again or (beyond and title in REPEATED)
                marks = [pytest.mark.nightly] if late else []
                yield pytest.param(name, title, id=f"{name}-{title}", marks=marks)


@pytest.mark.parametrize(("name", "title"), list(pairs()))
def test_contract(name, title):
    entry, canonical = resolve(name)
    CHECKS[title](entry, str(canonical))


# ---- entries that break it, each in one way that published code has done


def mixes_rows(h):
    """head(Σ_m h_m − mean over the rows)."""
    return h.sum(0) - h.sum(0).mean(0)


def attends_to_the_batch(h):
    """head(softmax(h hᵀ) h), the batch taken for a sequence."""
    rows = h.sum(0)
    return (rows @ rows.T).softmax(-1) @ rows


def ignores_its_query(h):
    """head(softmax(q kᵀ) v) over a single key: the weight is 1 whatever the query."""
    query, key = h[0][:, None], h[1:].sum(0)[:, None]
    return ((query @ key.transpose(1, 2)).softmax(-1) @ key)[:, 0]


def takes_three_alone(h):
    """head(h_1 + h_2 + h_3)."""
    return h[0] + h[1] + h[2]


def says_sum_and_is_none(h):
    """head(Σ_m m·h_m)."""
    return sum(place * x for place, x in enumerate(h, 1))


def says_nothing(h):
    return h.sum(0)


def refuses_bf16(h):
    """head(Σ_m h_m)."""
    if h.dtype != torch.float32:
        raise TypeError("float32 wanted")
    return h.sum(0)


def makes_a_layer_in_forward(h):
    """head(W Σ_m h_m)."""
    return nn.Linear(h.shape[-1], h.shape[-1])(h.sum(0))


class WithLayers(FusionNetwork):
    """head(Σ_m h_m)."""

    def fuse(self, h):
        return h.sum(0)


class NormalisesBatches(WithLayers):
    """head(BN(Σ_m h_m))."""

    def __init__(self, task):
        super().__init__(task)
        self.norm = nn.BatchNorm1d(self.width)

    def fuse(self, h):
        return self.norm(h.sum(0))


class GrowsLayers(WithLayers):
    """head(Σ_m h_m + 0·W Σ_m h_m), a new W for every batch."""

    def __init__(self, task):
        super().__init__(task)
        self.grown = nn.ModuleList()

    def fuse(self, h):
        self.grown.append(nn.Linear(self.width, self.width))
        return h.sum(0) + 0 * self.grown[-1](h.sum(0))


class KeepsFactorsInAList(WithLayers):
    """head(Σ_m w_m ⊙ h_m), w in a plain list: stored nowhere, trained never."""

    def __init__(self, task):
        super().__init__(task)
        self.factors = [nn.Parameter(torch.randn(self.width)) for _ in self.names]

    def fuse(self, h):
        return sum(w * x for w, x in zip(self.factors, h, strict=True))


class NeverUsesItsWeight(WithLayers):
    """head(Σ_m h_m), with a confidence that is computed and forgotten."""

    def __init__(self, task):
        super().__init__(task)
        self.confidence = nn.Linear(self.width, 1)

    def fuse(self, h):
        self.confidence(h.sum(0))
        return h.sum(0)


class HandsOnAViewOfAParameter(WithLayers):
    """head(Σ_m h_m ⊙ W v), v a learned vector that is broadcast to the rows: the flop counter cannot follow it."""

    def __init__(self, task):
        super().__init__(task)
        self.learned = nn.Parameter(torch.randn(self.width))
        self.norm = nn.Linear(self.width, self.width)

    def fuse(self, h):
        return h.sum(0) * self.norm(torch.broadcast_to(self.learned, h.shape[1:]))


class DrawsFromNumpy(WithLayers):
    """head(s Σ_m h_m)."""

    def __init__(self, task):
        super().__init__(task)
        self.register_buffer("scale", torch.tensor(1 + np.random.random()))

    def fuse(self, h):
        return self.scale * h.sum(0)


class DrawsUnseeded(DrawsFromNumpy):
    """head(s Σ_m h_m)."""

    def __init__(self, task):
        WithLayers.__init__(self, task)
        self.register_buffer("scale", torch.tensor(1 + np.random.default_rng().random()))


class NeedsTwoRows(WithLayers):
    """head(Σ_m h_m)."""

    def loss(self, batch, labels, class_weight):
        if len(labels) == 1:
            raise ValueError("a batch of one row")
        return super().loss(batch, labels, class_weight)


class RefusesItsDefault(WithLayers):
    """head(Σ_m h_m)."""

    def __init__(self, task, mode="fast"):
        super().__init__(task)
        if mode == "fast":
            raise ValueError("mode=fast is not written yet")


class Sound(ClassicalVariant):
    """softmax(W x + b)."""

    def __init__(self, task):
        super().__init__(task)

    def estimator(self, seed):
        return LogisticRegression(C=10.0, max_iter=500)


class ScalesInPlace(Sound):
    """softmax(W x + b)."""

    def columns(self, inputs):
        for x in inputs.inputs.values():
            x /= 2
        return super().columns(inputs)


class ReadsWhatIsAbsent(Sound):
    """softmax(W x + b)."""

    def columns(self, inputs):
        return np.hstack([x.reshape(len(inputs), -1) for x in inputs.inputs.values()])


class FillsWithZeros(Sound):
    """softmax(W x + b)."""

    def columns(self, inputs):
        names = list(inputs.inputs)
        filled = {n: inputs.inputs[n].copy() for n in names}
        for place, name in enumerate(names):
            filled[name][~inputs.present[:, place]] = 0  # and not the training mean, as is declared
        return super().columns(Inputs(filled, np.ones_like(inputs.present)))


class LearnsFromValidation(Sound):
    """softmax(W x + b)."""

    def fit(self, train, validation, seed=0):
        return super().fit(validation, validation, seed)


class DoublesProbabilities(Sound):
    """softmax(W x + b)."""

    def predict_proba(self, inputs):
        return 2 * super().predict_proba(inputs)


class LearnsNothing(Sound):
    """π (the class frequencies)."""

    def estimator(self, seed):
        return DummyClassifier()


class SaysThatItIsARule(WithLayers):
    """head([h_1; …; h_M]), trained jointly, though it is registered as a rule on experts trained apart."""

    PLACE = (("level", "decisions"), ("training", "apart"))

    def fuse(self, h):
        return torch.cat([*h], 1)


def reads_the_first_alone(h):
    """head(h_1)."""
    return h[0]


BREAKING = {
    "keeps_rows_apart": mixes_rows,
    "keeps_rows_apart_in_training": attends_to_the_batch,
    "reads_every_modality": ignores_its_query,
    "takes_every_number_and_kind": takes_three_alone,
    "does_not_care_about_order": says_sum_and_is_none,
    "is_documented": says_nothing,
    "takes_every_setting": refuses_bf16,
    "normalises_no_batch": NormalisesBatches,
    "registers_its_layers_at_construction": GrowsLayers,
    "survives_storing": KeepsFactorsInAList,
    "trains_every_parameter": NeverUsesItsWeight,
    "counts_its_operations": HandsOnAViewOfAParameter,
    "leaves_random_state_alone": DrawsFromNumpy,
    "repeats_itself": DrawsUnseeded,
    "keeps_the_last_batch": NeedsTwoRows,
    "builds_with_its_defaults": RefusesItsDefault,
    "leaves_inputs_alone": ScalesInPlace,
    "takes_absent_modalities": ReadsWhatIsAbsent,
    "keeps_its_word_on_absent_modalities": FillsWithZeros,
    "selects_by_validation_alone": LearnsFromValidation,
    "gives_probabilities": DoublesProbabilities,
    "learns_an_easy_set": LearnsNothing,
    "stays_at_chance_on_pure_synergy": SaysThatItIsARule,
    "learns_pure_synergy": reads_the_first_alone,
}


@contextmanager
def registered(definition):
    neural = not (isinstance(definition, type) and issubclass(definition, ClassicalVariant))
    place = dict(architecture="late", data_fusion="merge", level="features", operator="sum")
    place |= dict(getattr(definition, "PLACE", ()))
    register("breaking", **place, learner="neural" if neural else "classical")(definition)
    try:
        yield
    finally:
        REGISTRY.forget("breaking")


def test_every_check_has_an_entry_that_breaks_it():
    assert BREAKING.keys() == CHECKS.keys()
    assert CHECKS.keys() >= REPEATED | LONG


@pytest.mark.parametrize(("title", "definition"), BREAKING.items(), ids=BREAKING)
def test_a_broken_entry_is_found(title, definition):
    with registered(definition):
        assert run_check(title, "breaking") is not None


@pytest.mark.parametrize("definition", [WithLayers, Sound], ids=["network", "classical"])
def test_a_sound_entry_passes(definition):
    with registered(definition):
        problems = {title: run_check(title, "breaking") for title in CHECKS}
    assert not any(problems.values()), problems


def test_evaluation_that_is_random_is_found():
    with registered(makes_a_layer_in_forward):
        assert run_check("keeps_rows_apart", "breaking") is not None


def test_the_command_runs_the_same_checks_on_a_plugin(tmp_path, capsys):
    plugin = tmp_path / "outside_the_package.py"
    plugin.write_text(
        "from fusebench.fusion import register\n\n\n"
        '@register("outside", architecture="late", data_fusion="merge", level="features", operator="sum")\n'
        "def outside(h):\n"
        '    """head(Σ_m h_m − their mean over rows)."""\n'
        "    return h.sum(0) - h.sum(0).mean(0)\n"
    )
    try:
        assert listing.check("outside", (str(plugin),)) == 1
        meant = [title for title in CHECKS if applies(title, "outside")]
    finally:
        REGISTRY.forget("outside")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(meant)
    failed = {line.split()[1].rstrip(":") for line in lines if line.startswith("FAILED")}
    assert {"outside-keeps_rows_apart", "outside-keeps_rows_apart_in_training"} <= failed
    assert not any("outside-is_documented" in line for line in failed)

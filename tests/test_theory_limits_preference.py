"""The limits of the preference game's inequalities, theorem R4's bound, bought labels and growth of the studies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.preference import ball, loop
from sim.preference.data import PreferenceSpec
from sim.tiers import TIERS
from theory.studies import preference, preference_limits, preference_rounds
from theory.studies import preference_regret as studies
from theory.studies import sup_regret as search


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.05, 0.2]), st.integers(1, 4))
@settings(max_examples=25)
def test_property_theorem_r4_and_its_curvature(seed, delta, d):
    """The curvature bound is below every Hessian on the segment; DPO's regret is below the quadratic bound."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(12, d)) + 0.3
    Z = np.concatenate([Z, -rng.uniform(0.2, 0.9, size=(6, 1)) * Z[:6]])
    dpo = ball.sgpo_feature(Z, 0.0).theta
    U = search.scaled(rng.normal(size=(3, *Z.shape)), delta)
    best, least = search.minimiser(Z + U, np.repeat(dpo[None], 3, axis=0), 80)
    mu = studies.curvature(Z + U, dpo, best)
    for share in (0.0, 0.3, 0.7, 1.0):
        a = search.doubt(Z + U, (1 - share) * dpo + share * best)
        hessian = (Z + U).transpose(0, 2, 1) @ ((Z + U) * (a * (1 - a))[:, :, None]) / len(Z)
        assert (np.linalg.eigvalsh(hessian)[:, 0] >= mu - 1e-12).all()
    bound = studies.quadratic(Z, search.Found(U, best, least, np.zeros(3)), delta, dpo)
    assert (search.risk(Z + U, dpo) - least <= bound * (1 + 1e-9) + 1e-12).all()


@pytest.fixture(scope="module")
def reached():
    return preference_limits.limits(0, 0)


def test_the_limits_hold_and_every_kind_of_fault_breaks(reached):
    assert set(reached["check"]) == {"linear", "price", "pieces", "between", "attained"}
    held = reached["measured"] <= reached["bound"] + 1e-9
    assert (held == (reached["check"] != "attained")).all()
    for check, rows in reached.groupby("check"):
        broken = rows["measured"] > rows["planted"] + 1e-9
        assert broken.any() == (check != "attained"), check
    far = reached[reached["instance"] == "near_separable, delta 3.2"].iloc[0]
    assert far["says"] and far["measured"] / far["bound"] > 0.99
    assert not reached[reached["instance"] == "noisy, delta 0.2"]["says"].any()


def test_the_worst_value_is_approached_like_one_over_the_window(reached):
    rows = reached[reached["instance"].str.startswith("eps 0.05, w") & (reached["check"] == "attained")]
    short = rows["measured"].to_numpy()
    assert (short > 0.0).all() and short[-2] / short[-1] == pytest.approx(10.0, rel=0.02)


def test_finite_k_is_off_by_a_square_of_the_distance(reached):
    rows = reached[reached["instance"].str.startswith("chords, eps 0.01")]
    assert (rows["measured"] > 0.3 * rows["bound"]).all()
    assert rows["bound"].iloc[0] / rows["bound"].iloc[1] == pytest.approx((5 / 2) ** 2)


def test_gains_are_over_self_annotation_from_as_many_labels():
    """The paced gate spends a share of its budget; its baseline is played from what it really used."""
    table = preference_rounds.labels(5, 0, [30], [400])
    paced = table[table["strategy"] == preference_rounds.PACED].iloc[0]
    bought = int(paced["labels"]) - 50
    assert 10 < bought < 400 and paced["budget"] == 450
    told = dict(methods=("self_L0",), gates=("prefix",), B=bought, rounds=preference_rounds.SHORT, snr=4.0, seed=5)
    own = loop.play(PreferenceSpec(**told), 0, alone=False).iloc[-1]
    assert paced["accuracy"] - paced["gain"] == pytest.approx(own["accuracy"], abs=1e-12)
    assert set(table[table["strategy"] == preference_rounds.SELF]["labels"]) == {50, 80}
    assert (table[table["strategy"].isin(preference_rounds.SPENDERS)]["labels"] == 80).all()


@pytest.mark.parametrize("study", preference.STUDIES, ids=[s.name for s in preference.STUDIES])
@pytest.mark.parametrize("tier", TIERS.values(), ids=list(TIERS))
def test_looks_double_what_is_judged_and_repeat_nothing(study, tier):
    looks = [study.cells(tier), *(study.more(tier, look) for look in (1, 2))]
    cells = [repr(cell) for look in looks for cell in look]
    assert len(set(cells)) == len(cells)
    grows = study.name in ("preference_regret", "preference_rounds", "preference_labels")
    first = [c for c in looks[0] if c.get("regime") != "noisy"]
    assert (len(looks[1]), len(looks[2])) == ((len(first), 2 * len(first)) if grows else (0, 0))
    assert not any(c.get("regime") == "noisy" for look in looks[1:] for c in look)

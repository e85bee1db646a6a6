"""Judges on the smoke tier, played once: they pass what holds, and find every planted fault and truth."""

import numpy as np
import pandas as pd
import pytest

from paper_repro import backend, catalogue, pipeline, plan, reference
from sim import tiers
from theory import claims, overlay
from theory.judges import certificates as claims_certificates
from theory.judges import labels as claims_labels
from theory.judges import path, rate
from theory.ledger import FAIL, INCONCLUSIVE, PASS, REFUTED
from theory.studies import certificates

UNDECIDED: dict[str, tuple[str, ...]] = {  # claim: planted faults and truths that what is played leaves open
    "M3": ("the tuned model's order reversed", "the tuned model's order as predicted"),  # one data set is shipped
}
JUDGED = tuple(c for c in claims.LEDGER if not reference.missing(c.tables))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The smoke tier, every table that a claim or a control reads, played once; with what is shipped."""
    tier = tiers.TIERS["smoke"]
    jobs = plan.jobs_of({name for claim in claims.LEDGER for name in claim.tables}, tier)
    played = pipeline.simulate(plan.Plan(tier, jobs, (), ()), tmp_path_factory.mktemp("smoke"), backend.Where())
    return played.tables | catalogue.shipped()


@pytest.fixture(scope="module")
def verdicts(tables):
    return claims.verify(tables, tuple(c.id for c in JUDGED)).set_index("id")


def test_nothing_fails_that_should_hold(verdicts):
    failed = verdicts[verdicts["verdict"] == FAIL]
    assert failed.empty, failed["detail"].to_dict()


def test_every_planted_fault_fails_and_every_planted_truth_passes(verdicts):
    """UNDECIDED lists what is INCONCLUSIVE instead; that it answers the wrong way round is never allowed."""
    for claim in JUDGED:
        said = verdicts.loc[claim.id, "control"].split("; ")
        open_ = UNDECIDED.get(claim.id, ())
        wanted = [f"{c.text}: {INCONCLUSIVE if c.text in open_ else c.outcome}" for c in claim.controls]
        assert "; ".join(said) == "; ".join(wanted), (claim.id, verdicts.loc[claim.id, "detail"])
    known = {claim.id: {control.text for control in claim.controls} for claim in claims.LEDGER}
    assert all(set(texts) <= known[id] for id, texts in UNDECIDED.items()) and len(UNDECIDED) <= 1


def test_a_claim_passes_only_beside_its_faults(verdicts):
    """Whatever smoke decides is sound; what it leaves open may be open because a control is."""
    decided = verdicts[verdicts["verdict"].isin([PASS, REFUTED])]
    assert len(decided) > len(verdicts) / 2
    for id, row in decided.iterrows():
        proof = FAIL if row["verdict"] == PASS else PASS
        controls = [c for c in claims.chosen((id,))[0].controls if c.outcome == proof]
        assert all(f"{c.text}: {proof}" in row["control"] for c in controls), id


def test_deterministic_claims_pass_even_on_the_smoke_tier(verdicts):
    assert (
        verdicts.loc[["B2", "B3a", "B6a", "B6b", "B7", "B8", "B9a", "L1", "L2", "O1", "O2", "O3"], "verdict"] == PASS
    ).all()


def test_selection_by_id_and_group(tables):
    assert claims.verify(tables, ("B9",))["id"].tolist() == ["B9a", "B9b"]
    assert claims.verify(tables, ("B2",))["id"].tolist() == ["B2"]


def tampered(tables, sweep, **columns):
    return {**tables, sweep: tables[sweep].assign(**columns)}


@pytest.mark.parametrize(
    ("sweep", "columns", "judge"),
    [
        ("coverage", dict(conf_ratio_max=1.5), path.coverage),
        ("horizon", dict(psi=1e6), path.lemma0),
        ("horizon", dict(potential=1e6), path.lemma0),
        ("horizon", dict(wide=10**6), path.lemma0),
        ("hard", dict(slack_regret_max=0.1), path.latency),
        ("hard", dict(slack_width_max=0.1), path.latency),
        ("horizon", dict(regret=1e6), path.theorem1),
        ("theorem2", dict(labels=10**6), path.budget),
        ("theorem2", dict(labels=10**6), path.theorem2),
        ("theorem2", dict(regret=1e6), path.theorem2),
        ("theorem3", dict(threshold_rise_max=0.1), path.theorem3),
        ("theorem3", dict(gain_unbought_max=10.0), path.theorem3),
        ("stated", dict(regret=1e7), rate.stated_c_beta),
        ("hard", dict(regret=0.0), rate.floor_holds),
        ("peek", None, path.peeking),
    ],
)
def test_each_judge_can_fail(tables, sweep, columns, judge):
    frame = tables[sweep]
    columns = columns or dict(decision_hash=np.arange(len(frame)))
    names = claims_path_needs(judge)
    data = {k: v for k, v in tampered(tables, sweep, **columns).items() if k in names or k == sweep}
    assert judge(data, claims.LEVEL).outcome == FAIL


def claims_path_needs(judge):
    return next(c.needs for c in claims.LEDGER if c.judge is judge)


def test_a_wrong_closed_form_fails(tables):
    wrong = tables["certificates"].assign(error=1e-3)
    assert claims_certificates.agrees("ball")({"certificates": wrong}, claims.LEVEL).outcome == FAIL


def test_constants_fall_with_beta(tables):
    rows = certificates.constants_table(tables["hard"])
    assert rows["c_measured"].is_monotonic_decreasing
    assert (rows["c_measured"] <= rows["c_beta"]).all()


def test_spending_the_last_label_breaks_theorem_3(tables):
    rows = tables["theorem3"]
    assert path.theorem3(tampered(tables, "theorem3", labels=rows["B"]), 0.01).outcome == FAIL


def synthetic_rates(power, reps=12):
    """A horizon table whose ball regret is exactly t^power up to a common factor a replication."""
    t = np.array([64, 128, 256, 512, 1024, 2048])
    rows = [
        dict(
            follower="ball",
            feedback="pair",
            d=d,
            seed=0,
            replication=r,
            t=x,
            T=2048,
            regret=(1 + 0.01 * r) * d**0.5 * x**power,
        )
        for d in (4, 8)
        for r in range(reps)
        for x in t
    ]
    frame = pd.DataFrame(rows)
    return {"horizon": frame, "nonmyopic": frame[frame["t"] == 2048].assign(follower="patient")}


@pytest.mark.parametrize(("power", "outcome"), [(0.5, PASS), (0.8, FAIL), (0.2, FAIL)])
def test_exponent_judge(power, outcome):
    assert rate.exponent_T(synthetic_rates(power), 0.001).outcome == outcome
    assert rate.exponent_d(synthetic_rates(power), 0.001).outcome == PASS


def test_stated_form_judge_is_decided_by_the_interval(tables):
    """Far below the stated bound the claim passes, far above it fails, a straddle decides nothing."""
    frame = tables["witness"]
    noise = 1 + 0.001 * frame["replication"]
    for regret, outcome in (
        (10.0 * noise, PASS),
        (1e5 * noise, FAIL),
        (np.where(frame["replication"] % 2, 1.0, 2e4), INCONCLUSIVE),
    ):
        assert rate.stated_free(tampered(tables, "witness", regret=regret), claims.LEVEL).outcome == outcome


def test_needed_labels_interpolate_and_clip():
    labels, regret = np.array([10.0, 100.0, 1000.0]), np.array([100.0, 10.0, 1.0])
    assert claims_labels.needed(labels, regret, 10.0) == pytest.approx(100.0)
    assert claims_labels.needed(labels, regret, 31.6228) == pytest.approx(31.6228, rel=1e-4)
    assert claims_labels.needed(labels, regret, 500.0) == pytest.approx(10.0)
    assert np.isnan(claims_labels.needed(labels, regret, 0.5))


def efficiency_table(factor):
    """llf_paced has random's curve with labels times ``factor``, in two contexts."""
    rows = []
    for context in ("isotropic", "shift"):
        for r in range(12):
            for beta, n in ((0.01, 100), (0.1, 1000), (0.2, 2000)):
                regret = (1 + 0.01 * r) * 1e4 / n
                common = dict(context=context, seed=0, replication=r, beta=beta, t=1, T=1)
                rows.append(dict(common, gate="random", labels=n, regret=regret))
                rows.append(dict(common, gate="llf_paced", labels=factor * n, regret=regret))
    return {"efficiency": pd.DataFrame(rows)}


@pytest.mark.parametrize(("factor", "outcome"), [(0.5, PASS), (2.0, FAIL)])
def test_efficiency_judge(factor, outcome):
    found = claims_labels.efficiency("random")(efficiency_table(factor), 0.001)
    assert found.outcome == outcome
    assert found.measured == pytest.approx(factor, rel=1e-6)


def test_overlays_have_the_columns_that_figures_draw(tables):
    assert list(overlay.horizon(tables["horizon"])) == ["d", "t", "theorem1", "trivial"]
    hard = overlay.hard(tables["hard"])
    assert (hard["floor"] < hard["theorem3"]).all()
    assert hard["B"].is_monotonic_increasing
    exponents = rate.exponents(tables, claims.LEVEL)
    assert set(exponents["quantity"]) == {"T", "d", "beta"}
    savings = claims_labels.savings({"efficiency": tables["efficiency"]}, claims.LEVEL)
    assert len(savings) == 4 * 5 * 4

"""sim.preference data, rivals, steps, buying, loop: the model, the rivals' losses, and the loop's promises."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from sim.preference import ball, buying, data, loop, losses, rivals, steps
from sim.preference.data import PreferenceSpec

SMALL = PreferenceSpec(N=30, d=4, rounds=(60, 80), held_out=500)
SHOP = PreferenceSpec(N=30, d=4, rounds=(60, 80), held_out=500, gates=("random", "prefix", "margin"), B=25)


def last(table, method, gate="never"):
    """The last round's row of a method."""
    rows = table[(table["method"] == method) & (table["gate"] == gate)]
    return rows.iloc[-1]


def test_the_same_arguments_give_the_same_bytes_and_others_do_not():
    first, again, other = loop.play(SHOP, 3), loop.play(SHOP, 3), loop.play(SHOP, 4)
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert list(first.columns) == list(loop.COLUMNS)
    assert (first["accuracy"].to_numpy() != other["accuracy"].to_numpy()).any()
    assert np.isfinite(first.select_dtypes("number")).all(axis=None)


def test_methods_do_not_disturb_each_other():
    """Common random numbers: a method's rows are the same alone and in company."""
    together = loop.play(SHOP, 0)
    for method in data.METHODS:
        alone = loop.play(SHOP.model_copy(update={"methods": (method,)}), 0)
        mine = together[together["method"] == method].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, mine, check_exact=True)


def test_without_a_radius_or_flips_the_methods_coincide():
    """eps = 0: L1, L2, L3 and feature are self-annotation; flip = 0: so is rDPO; dpo never leaves its seed policy."""
    table = loop.play(SMALL.model_copy(update={"eps": 0.0}), 1)
    base = last(table, "self_L0")
    for method in ("L1", "L2", "L3", "feature", "rdpo"):
        assert last(table, method)["loss"] == pytest.approx(base["loss"], abs=1e-6), method
    assert last(table, "ridge")["loss"] == last(table, "dpo")["loss"]
    dpo = table[table["method"] == "dpo"]
    assert dpo["accuracy"].nunique() == 1 and (table["labels"] == 30).all()


def test_self_annotation_changes_little_and_l3_is_close_to_it():
    """The expected null result: in a linear model one's own labels carry no news."""
    table = pd.concat([loop.play(PreferenceSpec(methods=("dpo", "self_L0", "L3")), i) for i in range(3)])
    final = table[table["round"] == 3].pivot_table(index="replication", columns="method", values="accuracy")
    assert (final.max(axis=1) - final.min(axis=1)).max() < 0.02
    assert (table[table["method"] == "L3"].query("round > 0")["moved"] > 0.05).all()


def test_gates_spend_at_most_their_budget_and_prefix_buys_first():
    table = loop.play(SHOP, 2)
    assert (table["labels"] <= 30 + 25).all()
    for gate in SHOP.gates:
        assert last(table, "dpo", gate)["labels"] == 55
    first = table[(table["gate"] == "prefix") & (table["round"] == 1)]
    assert (first["labels"] == 55).all() and len(first) == len(data.BUYERS)


def test_prefix_is_dpo_on_the_seed_and_the_first_pairs():
    table = loop.play(SHOP, 5)
    pairs = data.sample(SHOP, 5, data.ROUND, 60)
    Z = np.vstack([data.seed_pairs(SHOP, 5), data.oriented(pairs.x, pairs.y)[:25]])
    theta = steps.learn("dpo", SHOP, Z)
    assert last(table, "dpo", "prefix")["accuracy"] == data.judge(SHOP, 5, theta).accuracy


@pytest.mark.parametrize("gate", data.GATES)
def test_every_gate_keeps_the_books_and_never_sees_a_label(gate):
    spec = SHOP.model_copy(update={"gates": (gate,), "B": 20})
    Z, pairs = data.seed_pairs(spec, 0), data.sample(spec, 0, data.ROUND, 60)
    theta = steps.learn("dpo", spec, Z)
    shop, bought = buying.visit(buying.open_shop(spec, gate, Z), theta, pairs)
    _, again = buying.visit(buying.open_shop(spec, gate, Z), theta, pairs._replace(y=1 - pairs.y, flip=1 - pairs.flip))
    assert (bought == again).all()
    assert shop.purse.left == 20 - bought.sum() and shop.t == 60
    W = np.vstack([Z, pairs.x[bought]])
    np.testing.assert_allclose(shop.design.P, np.linalg.inv(np.eye(4) + W.T @ W), atol=1e-10)


def test_compare_counts_equal_labels():
    table = loop.compare(SHOP, (40, 60), 0)
    final = table[table["round"] == 2]
    own = final[final["strategy"] == loop.SELF]
    assert own["labels"].tolist() == [40, 60] and (final["labels"] <= final["budget"]).all()
    assert set(final["strategy"]) == {loop.SELF, *SHOP.gates}
    prefix = final[final["strategy"] == "prefix"]
    assert prefix["labels"].tolist() == [40, 60]
    with pytest.raises(ValueError, match="above N = 30"):
        loop.compare(SHOP, (30,), 0)
    with pytest.raises(ValueError, match="replication"):
        loop.play(SHOP, -1)


def test_more_draws_keep_the_first_and_more_flips_contain_the_fewer():
    few, many = data.sample(SMALL, 0, data.SEED, 10), data.sample(SMALL, 0, data.SEED, 20)
    for a, b in zip(few, many, strict=True):
        assert (a == b[:10]).all()
    clean, some, more = (data.seed_pairs(SMALL.model_copy(update={"N": 2000, "flip": q}), 0) for q in (0.0, 0.25, 0.5))
    flipped, further = (np.any(clean != z, axis=1) for z in (some, more))
    assert flipped.mean() == pytest.approx(0.25, abs=0.03) and (further >= flipped).all()


def test_the_judge_knows_the_truth():
    spec = PreferenceSpec(held_out=20000)
    best = data.judge(spec, 0, data.theta_star(spec, 0))
    assert best.regret == pytest.approx(0.0, abs=1e-12)
    pairs = data.sample(spec, 0, 99, 20000)
    picks = (pairs.x @ data.theta_star(spec, 0) > 0) == (pairs.y == 1)
    assert picks.mean() == pytest.approx(best.accuracy, abs=0.01)
    nothing = data.judge(spec, 0, np.zeros(spec.d))
    assert nothing.accuracy == 0.5 and nothing.loss == pytest.approx(np.log(2))
    assert data.judge(spec, 0, -data.theta_star(spec, 0)).accuracy == pytest.approx(1 - best.accuracy)


def test_regimes_are_what_they_are_called():
    """Mean norm of DPO's theta near ||theta*|| on regular and noisy data, far above it when nearly separable."""
    found = {}
    for name, spec in (("regular", data.REGULAR), ("noisy", data.NOISY), ("near", data.NEAR_SEPARABLE)):
        Z = [data.seed_pairs(spec, i) for i in range(8)]
        found[name] = np.median([np.linalg.norm(ball.sgpo_feature(z, 0.0, cap=200.0).theta) for z in Z])
    assert 1.2 < found["regular"] < 2.2 and 0.4 < found["noisy"] < 1.2 and found["near"] > 8


@pytest.mark.parametrize("method", data.METHODS)
def test_fits_are_stationary(method):
    """Gradient of each method's own objective vanishes at its fit on true labels (differences of the loss)."""
    spec = SMALL.model_copy(update={"flip": 0.2, "ridge": 0.1, "eps": 0.02})
    Z = data.seed_pairs(spec, 0)
    theta = steps.learn(method, spec, Z)

    def objective(t):
        xi = Z @ t
        loss = losses.logistic(xi).mean()
        if method == "rdpo":
            loss = rivals.rdpo_losses(xi, 0.2).mean()
        if method == "dr_dpo":
            loss = rivals.dr_dpo_loss(xi)
        if method == "kldpo":
            loss = (rivals.kldpo_weights(Z @ theta) * losses.logistic(xi)).mean()
        if method == "ridge":
            return loss + (0.05 + steps.matched_ridge(0.02, steps.learn("feature", spec, Z)) / 2.0) * t @ t
        return loss + 0.05 * t @ t + (spec.eps * np.linalg.norm(t) if method == "feature" else 0.0)

    slack = 1e-4 if method == "kldpo" else 1e-5  # its weights and fit only alternate
    for e in np.eye(4) * 1e-5:
        assert (objective(theta + e) - objective(theta - e)) / 2e-5 == pytest.approx(0.0, abs=slack)


@pytest.mark.parametrize("eps", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("flip", [0.0, 0.25])
def test_on_one_set_of_labels_the_ball_is_a_ridge(eps, flip):
    """The ridge of weight eps/||theta|| finds the ball's own policy, which is not DPO's."""
    spec = PreferenceSpec(N=40, d=4, eps=eps, flip=flip)
    for replication in range(3):
        Z = data.seed_pairs(spec, replication)
        ball_policy, ridge, dpo = (steps.learn(m, spec, Z) for m in ("feature", "ridge", "dpo"))
        np.testing.assert_allclose(ridge, ball_policy, atol=1e-5)
        assert np.linalg.norm(dpo) > np.linalg.norm(ridge) + 1e-2


def test_ridge_never_annotates_and_an_empty_ball_makes_it_dpo():
    table = loop.play(SMALL, 0)
    ridge = table[table["method"] == "ridge"]
    assert ridge["accuracy"].nunique() == 1 and (ridge["moved"] == 0.0).all()
    assert steps.matched_ridge(0.0, np.zeros(3)) == 0.0 and steps.matched_ridge(0.5, np.array([0.3, 0.4])) == 1.0


def test_without_its_unbought_rows_a_loop_is_the_rest_of_it():
    whole, rest = loop.play(SHOP, 1), loop.play(SHOP, 1, alone=False)
    pd.testing.assert_frame_equal(whole[whole["gate"] != "never"].reset_index(drop=True), rest, check_exact=True)


def test_held_out_pairs_are_drawn_once_and_belong_to_their_spec():
    first, other = SMALL, SMALL.model_copy(update={"held_out": 50, "seed": 1})
    theta = np.ones(4)
    once, apart, again = (data.judge(s, 0, theta) for s in (first, other, first))
    assert once == again != apart
    x = data.sample(other, 0, data.HELD_OUT, other.held_out).x
    truth = losses.sigmoid(x @ data.theta_star(other, 0) * np.sign(x @ theta))
    assert apart.accuracy == pytest.approx(truth.mean(), abs=1e-12)


def test_rivals_have_their_known_limits():
    xi = np.random.default_rng(0).normal(size=50)
    plain = losses.logistic(xi)
    np.testing.assert_allclose(rivals.rdpo_losses(xi, 0.0), plain)
    assert rivals.dr_dpo_loss(xi, 1e7) == pytest.approx(plain.mean(), abs=1e-6)
    assert plain.min() < rivals.dr_dpo_loss(xi, 1.0) < plain.mean()
    assert rivals.dr_dpo_loss(xi, 1e-3) == pytest.approx(plain.min(), abs=1e-2)
    assert np.argmax(rivals.dr_dpo_weights(xi)) == np.argmin(plain)  # optimistic
    assert np.argmax(rivals.kldpo_weights(xi)) == np.argmax(plain)  # pessimistic
    assert rivals.kldpo_weights(np.array([-100.0, 1, 1])).max() == pytest.approx(10.0)
    np.testing.assert_allclose(rivals.wdpo_losses(xi, 1.0, 0.0), plain)
    assert (rivals.wdpo_losses(xi, 2.0, 0.1) > plain).all()
    smooth = rivals.smoothing(np.abs(xi), 0.2, 0.1)
    assert smooth.sum() == pytest.approx(1.0) and np.abs(xi)[smooth > 0].max() < np.abs(xi)[smooth == 0].min()
    np.testing.assert_allclose(rivals.smoothed_losses(xi, 0.0 * xi), plain)


def test_rdpo_is_unbiased():
    """Its expectation under flips at rate q is the clean loss."""
    xi, q = np.linspace(-4, 4, 9), 0.3
    mixed = (1 - q) * rivals.rdpo_losses(xi, q) + q * rivals.rdpo_losses(-xi, q)
    np.testing.assert_allclose(mixed, losses.logistic(xi), atol=1e-12)


def test_rivals_take_tensors():
    torch = pytest.importorskip("torch")
    xi = np.random.default_rng(1).normal(size=(2, 9))
    for rival in (
        lambda x: rivals.rdpo_losses(x, 0.2), rivals.dr_dpo_loss, rivals.dr_dpo_weights, rivals.kldpo_weights,
        lambda x: rivals.wdpo_losses(x, 2.0, 0.1), rivals.smoothing,
    ):  # fmt: skip
        np.testing.assert_allclose(rival(torch.tensor(xi)).numpy(), rival(xi), atol=1e-13)


@pytest.mark.parametrize(
    ("told", "match"),
    [
        ({"N": 1}, "N = 1"),
        ({"eps": -0.1}, "eps = -0.1"),
        ({"snr": 0.0}, "snr = 0"),
        ({"flip": 1.5}, "flip = 1.5"),
        ({"flip": 0.5}, "below 1/2"),
        ({"methods": ("dop",)}, "nearest: 'dpo'"),
        ({"gates": ("margn",), "B": 3}, "nearest: 'margin'"),
        ({"gates": ("control_peek",), "B": 3}, "unknown gate"),
        ({"gates": ("margin",)}, "needs a budget"),
        ({"B": 3}, "a budget a gate"),
        ({"gates": ("margin",), "B": 9999}, "smaller B"),
        ({"rounds": (1, 5)}, "at least two"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_specs_are_refused(told, match):
    with pytest.raises(ValidationError, match=match):
        PreferenceSpec(**told)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: data.oriented(np.eye(2), [0, 2]), "labels must be 0 or 1"),
        (lambda: data.oriented(np.eye(2), [1]), "one a pair"),
        (lambda: rivals.rdpo_losses([1.0], 0.5), "q = 0.5"),
        (lambda: rivals.dr_dpo_loss([1.0], 0.0), "beta = 0"),
        (lambda: rivals.kldpo_weights([1.0], np.inf), "tau = inf"),
        (lambda: rivals.wdpo_losses([1.0], 1.0, -1.0), "rho = -1"),
        (lambda: rivals.smoothing([1.0], 2.0), "share = 2"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()

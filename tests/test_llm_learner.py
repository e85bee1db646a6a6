"""llm.tuned: learner, tuner and objective: one more learner of the plain loop, and what training does to it."""

import copy
import gc

import numpy as np
import pytest
import strategies as own
import tiny_models
import torch
from conftest import digits_spec
from hypothesis import given
from hypothesis import strategies as st

from llm import model
from llm.errors import CacheError, DeviceError, LlmError, MemoryExhaustedError
from llm.spec import FinetuneSpec
from llm.tuned import learner, lora, objective, tuner
from sim import loop, recorded
from sim.rules import draws, followers, rounds
from sim.setup import build

OPTIONS = FinetuneSpec(
    update_every=8,
    steps=4,
    batch_size=4,
    stream_batch=5,
    rank=2,
    dropout=0.1,
    lr=1e-2,
    schedule="linear",
    refit_epochs=0,
)
STILL = OPTIONS.model_copy(update=dict(steps=0))


class Stub:
    """A network whose features are the rows themselves; an update turns their coordinates around."""

    def __init__(self, X):
        self.X, self.turns, self.asked, self.begun = X, 0, [], []

    def features(self, texts):
        self.asked.append(len(texts))
        rows = self.X[[int(t) for t in texts]]
        return np.roll(rows, self.turns, axis=1)

    def begin_again(self):
        self.begun = [*self.begun, self.turns]

    def update(self, texts, y, shown, rates, number):
        self.turns += 1
        self.last = texts, y, shown, rates
        return 0.0


def stubbed(X, K, o, budget, lam=1.0):
    design = learner.Design(len(X), X.shape[1], K, lam, 4096)
    return learner.FineTuned(Stub(X), [str(i) for i in range(len(X))], design, o, budget, (0, 0))


def one_hot(k, K):
    row = np.zeros(K)
    row[k] = 1.0
    return row


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return model.load(tiny_models.tiny_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    return model.load(tiny_models.tiny_causal(tmp_path_factory.mktemp("causal")))


@pytest.mark.parametrize("gate", ["llf_self_paced", "llf_regret", "margin", "random", "prefix", "always"])
def test_a_frozen_model_is_the_simulators_ridge(gate):
    """Identity features and no update: the same decisions, and floats to 1e-9, in every recorded round."""
    spec = digits_spec(gate, T=120, beta=0.3)
    data = recorded.load("digits", True)
    g, X, y = build(spec, 64, data.K), data.X[:120], data.y[:120]
    record, keys, none = np.array(spec.record.rounds(120)), draws.stream_keys(0, 0), np.zeros(0)
    want = loop.play_recorded(
        g, loop.OvaRidge(64, g.N, g.lam, g.refresh), X, y, lambda s: rounds.accuracy(s, X, y), keys, record, none, none
    )
    made = stubbed(X, g.N, STILL, g.B)
    got = loop.play_recorded(
        g, made, np.arange(120), y, lambda s: np.mean(np.argmax(X @ s.theta, 1) == y), keys, record, none, none
    )
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    assert got[-1, 5] > 0 and made.version == 0


def test_an_update_rebuilds_the_design_on_new_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    made, labels = stubbed(X, 3, OPTIONS, budget=20, lam=0.5), []
    for t in range(0, 16, 2):
        made.predict(t)
        labels.append(t % 3)
        made.update(t, one_hot(t % 3, 3))
    new = np.roll(X[range(0, 16, 2)], 1, axis=1)
    V = 0.5 * np.eye(6) + new.T @ new
    s = made.state()
    np.testing.assert_allclose(s.V, V, atol=1e-12)
    np.testing.assert_allclose(s.P, np.linalg.inv(V), atol=1e-10)
    np.testing.assert_allclose(s.theta, np.linalg.solve(V, new.T @ np.eye(3)[labels]), atol=1e-10)
    assert s.psi == pytest.approx(np.linalg.slogdet(V)[1] - 6 * np.log(0.5))
    for t in (15, 3):  # 15 was encoded with the old weights in one block with 14
        scores, w2 = made.predict(t)
        np.testing.assert_allclose(scores, np.roll(X[t], 1) @ s.theta, atol=1e-12)
        assert w2 == pytest.approx(np.roll(X[t], 1) @ s.P @ np.roll(X[t], 1))


def test_updates_fall_due_by_labels_and_when_the_budget_is_spent():
    """20 labels, 8 an update: at 8, 16 and 20; steps in proportion; the rate falls through the whole budget once."""
    made, rates = stubbed(np.eye(20), 3, OPTIONS, budget=20), []
    for t in range(20):
        before = made.version
        made.predict(t)
        made.update(t, one_hot(t % 3, 3))
        if made.version > before:
            rates.append(made.tuner.last[3])
    assert [len(r) for r in rates] == [4, 4, 2] and made.trained == 20
    np.testing.assert_allclose(np.concatenate(rates), 1.0 - np.arange(0, 20, 2) / 20)
    made.tune()
    made.finish()
    assert made.version == 3


def buy(made, times, K=3):
    for t in times:
        made.predict(t)
        made.update(t, one_hot(t % K, K))


def test_a_refit_trains_first_weights_on_every_label_when_the_budget_is_spent():
    """8 and 16 labels: updates at a constant rate; 20: a refit of 3 passes whose rate falls to 0; then nothing."""
    o = OPTIONS.model_copy(update=dict(schedule="constant", refit_epochs=3))
    made = stubbed(np.eye(20), 3, o, budget=20)
    buy(made, range(19))
    assert (made.version, made.refits, made.tuner.begun) == (2, 0, []) and made.tuner.last[3].tolist() == [1.0] * 4
    buy(made, [19])
    texts, _, _, rates = made.tuner.last
    assert (made.version, made.refits, made.tuner.begun, made.trained) == (3, 1, [2], 20)
    np.testing.assert_allclose(rates, 1.0 - np.arange(15) / 15)
    assert sorted(texts) == sorted([str(t) for t in range(20)] * 3)
    made.finish()
    made.tune()
    assert (made.version, made.refits) == (3, 1)


def test_what_was_bought_of_an_unspent_budget_is_refitted_at_the_end():
    made = stubbed(np.eye(20), 3, OPTIONS.model_copy(update=dict(refit_epochs=1)), budget=20)
    made.finish()
    assert made.version == 0
    buy(made, range(8))
    assert (made.trained, made.refits) == (8, 0)
    made.finish()
    assert (made.trained, made.refits, made.tuner.begun) == (8, 1, [1])


def test_a_refit_falls_due_when_psi_has_grown_by_more_than_log_one_plus_c():
    """Unit vectors e_1, e_2, ... at lam = 1: every label adds log 2, and every third passes log(1 + 6.9)."""
    made, due = stubbed(np.eye(20), 3, OPTIONS.model_copy(update=dict(refit_epochs=1, refit_growth=6.9)), 20), []
    for t in range(20):
        before = made.refits
        buy(made, [t])
        due += [t + 1] * (made.refits - before)
    assert due == [3, 6, 9, 12, 15, 18, 20] and made.version == 7
    off = stubbed(np.eye(20), 3, OPTIONS.model_copy(update=dict(refit_epochs=1)), 20)
    buy(off, range(20))
    assert off.refits == 1


@given(own.rngs, st.integers(1, 6), st.floats(0.01, 20.0), st.floats(0.1, 10.0))
def test_property_refits_are_bounded_by_the_elliptical_potential(rng, d, C, lam):
    """At most 1 + D_B / log(1 + C), features turning or collapsing at every update: D_B = d log(1 + B / (lam d))."""
    B = 40
    X = rng.normal(size=(B, d)) * rng.exponential(size=d)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    made = stubbed(X, 3, OPTIONS.model_copy(update=dict(refit_epochs=1, refit_growth=C)), B, lam)
    fickle = made.tuner.features
    made.tuner.features = lambda texts: (
        fickle(texts) if made.tuner.turns % 2 else np.tile(np.eye(d)[0], (len(texts), 1))
    )
    buy(made, range(B))
    assert 1 <= made.refits <= 1 + d * np.log1p(B / (lam * d)) / np.log1p(C)


def test_a_refit_ends_where_a_fresh_fit_does(encoder):
    """Warm updates before it leave no trace in the weights: the same labels, order and rates give the same features."""
    texts, y = tiny_models.sentences(16)
    rows, ends = learner.minibatches(16, 8, 4, 0), []
    shown = objective.alternatives(np.zeros((32, 4)), y[rows], 2)
    for warm in (0, 2):
        with lora.borrowed(encoder, "lora") as lent:
            made, _ = trained(lent, OPTIONS.model_copy(update=dict(refit_epochs=1)), warm)
            before = made.features(texts)
            made.begin_again()
            made.update([texts[i] for i in rows], y[rows], shown, 1.0 - np.arange(8) / 8, 7)
            ends.append(made.logits(made.features(texts)))
            assert not np.allclose(before, made.features(texts), atol=1e-4)
    assert np.array_equal(*ends)


def test_prompts_are_encoded_in_blocks_and_once():
    made = stubbed(np.eye(20), 3, OPTIONS, budget=20)
    for t in range(20):
        made.predict(t)
        made.predict(t)
    assert made.tuner.asked == [5, 5, 5, 5] and made.encoded == 20


def test_minibatches_come_from_bought_labels_with_their_own_texts():
    made = stubbed(np.eye(20), 3, OPTIONS, budget=20)
    for t in range(1, 17, 2):
        made.predict(t)
        made.update(t, one_hot(t % 3, 3))
    texts, y, shown, _ = made.tuner.last
    assert all(int(text) % 2 == 1 and int(text) % 3 == k for text, k in zip(texts, y, strict=True))
    assert len(texts) == 16 and shown.shape == (16, 2) and (shown != y[:, None]).all()


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 16), own.seeds)
def test_property_minibatches_use_every_row_before_any_twice(n, steps, size, seed):
    rows = learner.minibatches(n, steps, size, seed)
    counts = np.bincount(rows, minlength=n)
    assert len(rows) == steps * size and counts.max() - counts.min() <= 1


@given(own.rngs, st.integers(2, 8), st.integers(1, 9), st.integers(1, 6))
def test_property_alternatives_are_the_simulators_follower(rng, K, M, n):
    """Without the gold, the M best scores; ties to the lowest index as in the simulator."""
    scores, y = rng.integers(0, 3, (n, K)).astype(float), rng.integers(0, K, n)
    got = objective.alternatives(scores, y, M)
    for i in range(n):
        wrong = [k for k in np.argsort(-scores[i], kind="stable") if k != y[i]]
        assert got[i].tolist() == sorted(wrong[: min(M, K - 1)])


def test_the_followers_best_answer_is_the_hardest_one_whatever_is_shown():
    """y' among M shown is y' among all, when follower and network rank by the same scores."""
    scores = np.random.default_rng(0).normal(size=(5, 6))
    y = np.arange(5)
    for M in (1, 3, 5):
        shown = np.zeros(M + 1, dtype=np.int64)
        followers.smallest(-scores[0], 0, -1, M, shown)
        assert np.argmax(scores[0, 1:]) + 1 in shown
        values = [
            objective.stackelberg(*map(torch.from_numpy, (scores, y, objective.alternatives(scores, y, m)))).item()
            for m in (M, 5)
        ]
        assert values[0] == pytest.approx(values[1])


@given(own.rngs, st.integers(2, 6), st.integers(1, 5))
def test_property_the_stackelberg_gradient_raises_gold_and_lowers_one_rival(rng, K, n):
    scores = torch.tensor(rng.normal(size=(n, K)), requires_grad=True)
    y = rng.integers(0, K, n)
    shown = torch.from_numpy(objective.alternatives(scores.detach().numpy(), y, K - 1))
    gold = torch.from_numpy(y)
    value = objective.stackelberg(scores, gold, shown)
    value.backward()
    masked = scores.detach().scatter(1, gold[:, None], -torch.inf)
    gap = scores.detach().gather(1, gold[:, None])[:, 0] - masked.max(1).values
    assert value.item() == pytest.approx(-torch.log(torch.sigmoid(gap)).mean().item())
    for i in range(n):
        row = scores.grad[i]
        assert row[gold[i]] < 0 < row[masked[i].argmax()]
        assert torch.count_nonzero(row) == 2
        assert row.sum().abs() < 1e-12


def test_weight_zero_is_cross_entropy():
    scores, y = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    shown = torch.from_numpy(objective.alternatives(scores.numpy(), y.numpy(), 2))
    entropy = torch.nn.functional.cross_entropy(scores, y)
    assert objective.loss(scores, y, shown, 0.0).item() == entropy.item()
    both = objective.loss(scores, y, shown, 0.5)
    assert both.item() == pytest.approx((entropy + 0.5 * objective.stackelberg(scores, y, shown)).item())


def trained(loaded, o, updates, seed=0):
    """A tuner after updates on the themes; returns it with losses."""
    texts, y = tiny_models.sentences(16, seed=seed)
    made = tuner.Tuner(loaded, 4, o, "float32", (0, 0), 8)
    losses = []
    for u in range(updates):
        rows = learner.minibatches(16, o.steps, o.batch_size, u)
        shown = objective.alternatives(np.zeros((len(rows), 4)), y[rows], 2)
        losses.append(made.update([texts[i] for i in rows], y[rows], shown, np.full(o.steps, 0.8), u + 1))
    return made, losses


@pytest.mark.parametrize("kind", ["encoder", "causal"])
@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_the_loss_falls_and_the_head_learns(kind, adapter, request):
    loaded = request.getfixturevalue(kind)
    o = OPTIONS.model_copy(update=dict(adapter=adapter, steps=16, head_lr=0.05))
    with lora.borrowed(loaded, adapter) as lent:
        made, losses = trained(lent, o, 6)
        texts, y = tiny_models.sentences(40, seed=1)
        right = np.mean(np.argmax(made.logits(made.features(texts)), axis=1) == y)
        assert all(p.grad is None for p in made.model.network.parameters())
    assert losses[-1] < 0.7 * losses[0] and right > 0.5


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_a_lent_model_comes_back_as_it_was(encoder, adapter):
    before = encoder.digest()
    free, names = [p.requires_grad for p in encoder.network.parameters()], set(vars(encoder.network))
    with lora.borrowed(encoder, adapter) as lent:
        first, _ = trained(lent, OPTIONS.model_copy(update=dict(adapter=adapter)), 1)
        one = first.features(["my card"])
    assert encoder.digest() == before
    assert [p.requires_grad for p in encoder.network.parameters()] == free and all(free)
    assert set(vars(encoder.network)) == names
    with lora.borrowed(encoder, adapter) as lent:
        again, _ = trained(lent, OPTIONS.model_copy(update=dict(adapter=adapter)), 1)
        assert np.array_equal(one, again.features(["my card"]))
    assert not np.allclose(one, encoder.encode(["my card"]), atol=1e-6)


def test_only_adapters_and_head_are_trained(encoder):
    with lora.borrowed(encoder, "lora") as lent:
        made = tuner.Tuner(lent, 4, OPTIONS, "float32", (0, 0), 8)
        names = lora.trained(made.model.network)
        assert names and all("lora_" in n for n in names)
        size = sum(p.numel() for p in made.model.network.parameters())
        assert sum(p.numel() for p in names.values()) < size / 10


def test_the_same_seed_gives_the_same_weights_and_leaves_torch_alone(encoder):
    kept = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        with lora.borrowed(encoder, "lora") as lent:
            made, losses = trained(lent, OPTIONS, 2)
            kept.append((losses, made.features(["my card is"])))
        assert torch.equal(torch.get_rng_state(), state)
    assert kept[0][0] == kept[1][0] and np.array_equal(kept[0][1], kept[1][1])


def test_dropout_differs_between_updates(encoder):
    """The control of the test above: another update number is another draw."""
    o = OPTIONS.model_copy(update=dict(dropout=0.5))
    losses = []
    for number in (1, 2):
        texts, y = tiny_models.sentences(4)
        with lora.borrowed(encoder, "lora") as lent:
            made = tuner.Tuner(lent, 4, o, "float32", (0, 0), 8)
            shown = objective.alternatives(np.zeros((16, 4)), np.tile(y, 4), 1)
            losses.append(made.update(texts * 4, np.tile(y, 4), shown, np.ones(4), number))
    assert losses[0] != losses[1]


def test_a_snapshot_continues_exactly(encoder):
    with lora.borrowed(encoder, "lora") as lent:
        made, _ = trained(lent, OPTIONS, 1)
        saved = copy.deepcopy(made.snapshot())
        texts, y = tiny_models.sentences(16)
        shown = objective.alternatives(np.zeros((16, 4)), y, 2)
        made.update(texts, y, shown, np.full(4, 0.5), 9)
        want = made.logits(made.features(texts))
    with lora.borrowed(encoder, "lora") as lent:
        other = tuner.Tuner(lent, 4, OPTIONS, "float32", (5, 5), 8)
        other.restore(saved)
        other._key = (0, 0)
        other.update(texts, y, shown, np.full(4, 0.5), 9)
        assert np.array_equal(other.logits(other.features(texts)), want)


def test_another_models_weights_are_refused(encoder):
    with lora.borrowed(encoder, "lora") as lent:
        made = tuner.Tuner(lent, 4, OPTIONS, "float32", (0, 0), 8)
        with pytest.raises(CacheError, match="not this model's"):
            made.restore({"weights": {"a": torch.zeros(1)}, "head": {}, "optimizer": {}})


def test_beginning_again_needs_and_finds_the_first_weights(encoder):
    texts, _ = tiny_models.sentences(4)
    with lora.borrowed(encoder, "lora") as lent:
        made, _ = trained(lent, OPTIONS.model_copy(update=dict(final_epochs=1)), 2)
        assert not np.allclose(made.features(texts), encoder_rows(encoder, texts), atol=1e-5)
        made.begin_again()
        np.testing.assert_allclose(made.features(texts), encoder_rows(encoder, texts), atol=1e-6)
        assert not made.logits(made.features(texts)).any()
    with lora.borrowed(encoder, "lora") as lent:
        made, _ = trained(lent, OPTIONS, 1)
        with pytest.raises(LlmError, match="give one of them >= 1"):
            made.begin_again()


def encoder_rows(loaded, texts):
    """Features of a fresh copy of the tiny encoder, whose adapters begin as the identity."""
    with_adapters = loaded.network
    fresh = model.load(with_adapters.config._name_or_path)
    return fresh.encode(texts)


def test_the_rate_fits_what_is_trained():
    rates = [FinetuneSpec(adapter=a, lr=lr).rate for a in ("lora", "full") for lr in (0.0, 0.5)]
    assert rates == [1e-3, 0.5, 5e-5, 0.5]


def test_float16_is_refused(encoder):
    half = copy.copy(encoder)
    half.network = copy.deepcopy(encoder.network).half()
    with pytest.raises(DeviceError, match="use bfloat16 or float32"):
        tuner.Tuner(half, 4, OPTIONS, "float16", (0, 0), 8)


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_bfloat16_trains_float32_weights(encoder, adapter):
    low = copy.copy(encoder)
    low.network = copy.deepcopy(encoder.network).to(torch.bfloat16)
    made = tuner.Tuner(low, 4, OPTIONS.model_copy(update=dict(adapter=adapter)), "bfloat16", (0, 0), 8)
    texts, y = tiny_models.sentences(16)
    value = made.update(texts, y, objective.alternatives(np.zeros((16, 4)), y, 2), np.zeros(4), 1)
    assert np.isfinite(value)
    assert {p.dtype for p in lora.trained(made.model.network).values()} == {torch.float32}


def test_out_of_memory_names_the_batch_size_to_try(encoder):
    texts, y = tiny_models.sentences(16)
    with lora.borrowed(encoder, "lora") as lent:
        made = tuner.Tuner(lent, 4, OPTIONS, "float32", (0, 0), 8)

        def full(batch):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

        made.model.pool = full
        with pytest.raises(MemoryExhaustedError, match=r"batch_size = 4 \(finetune\); try 2.*checkpoints.*kept"):
            made.update(texts, y, objective.alternatives(np.zeros((16, 4)), y, 2), np.zeros(4), 1)
        with pytest.raises(MemoryExhaustedError, match="try --batch-size 4"):
            made.features(texts)


def alive():
    """(tensors, bytes) that Python can still reach."""
    gc.collect()
    found = [t for t in gc.get_objects() if issubclass(type(t), torch.Tensor)]
    return len(found), sum(t.numel() * t.element_size() for t in found)


@pytest.mark.parametrize("leaky", [False, True])
def test_memory_stays_flat_over_50_updates(encoder, leaky):
    """As many live tensors and bytes after 50 more updates as after two; a control that keeps its features is seen."""
    o = OPTIONS.model_copy(update=dict(update_every=1, steps=1))
    texts, y = tiny_models.sentences(60)
    kept, seen = [], []
    with lora.borrowed(encoder, "lora") as lent:
        made = tuner.Tuner(lent, 4, o, "float32", (0, 0), 8)
        pool = made.model.pool
        if leaky:
            made.model.pool = lambda batch: kept.append(pool(batch)) or kept[-1]
        tuned = learner.FineTuned(made, texts, learner.Design(60, 16, 4, 1.0, 4096), o, 60, (0, 0))
        for t in range(52):
            tuned.predict(t)
            tuned.update(t, one_hot(y[t], 4))
            if t in (1, 51):
                seen.append(alive())
    assert tuned.version == 52 and (seen[0] == seen[1]) != leaky


def test_a_causal_models_candidates_learn_by_their_likelihood(causal):
    """The same objective on log p(candidate | prompt): gold's lead over the follower's pick grows."""
    network = copy.copy(causal)
    network.network = copy.deepcopy(causal.network)
    prompt, answers, gold = "question : is the card now ? answer :", ["yes", "no", "maybe now"], 1
    before = network.loglik(prompt, answers)
    optimizer = torch.optim.AdamW(network.network.parameters(), lr=1e-2)
    for _ in range(10):
        scores = network.loglik_tensor(prompt, answers)[None]
        shown = torch.from_numpy(objective.alternatives(scores.detach().double().numpy(), np.array([gold]), 2))
        optimizer.zero_grad()
        objective.loss(scores, torch.tensor([gold]), shown, 0.5).backward()
        optimizer.step()
    after = network.loglik(prompt, answers)
    rivals = [0, 2]
    assert after[gold] - after[rivals].max() > before[gold] - before[rivals].max() + 1.0
    assert np.argmax(after) == gold

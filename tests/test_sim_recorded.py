"""sim.recorded: files that are refused and files that come back as they were written."""

import numpy as np
import pandas as pd
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from sim import recorded
from sim.rules import draws, streams


def table(n=12, m=3):
    """Features and labels that nothing is wrong with."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, m)), np.arange(n) % 3


def npz(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def parquet(path, frame):
    frame.to_parquet(path)
    return str(path)


def with_nan(X):
    X[2, 1] = np.nan
    return X


X, Y = table()
LISTS = [list(row) for row in X]
BAD_NPZ = {
    "NaN": (dict(X=with_nan(X.copy()), y=Y), r"X\[2, 1\] = nan \(and 0 more\); features must be finite"),
    "infinity": (dict(X=np.where(X > 1, np.inf, X), y=Y), "features must be finite"),
    "flat X": (dict(X=X[:, 0], y=Y), r"X has shape \(12,\)"),
    "wide y": (dict(X=X, y=X), "they must be"),
    "lengths": (dict(X=X, y=Y[:-1]), "with one n"),
    "no column": (dict(X=X[:, :0], y=Y), r"\(12, 0\)"),
    "one class": (dict(X=X, y=np.zeros(12, int)), "one class only"),
    "no y": (dict(X=X), r"no array \['y'\]"),
    "no array": (dict(a=X), r"no array \['X', 'y'\]"),
    "missing label": (dict(X=X, y=np.where(Y == 1, np.nan, Y)), "4 labels are missing"),
}
BAD_PARQUET = {
    "no label": (pd.DataFrame(dict(a=X[:, 0])), "no column 'label'"),
    "ragged": (pd.DataFrame(dict(features=[[1.0], [1.0, 2.0]], label=[0, 1])), "differ in length"),
    "no number": (pd.DataFrame(dict(name=["a", "b"], label=[0, 1])), "no numeric feature column"),
    "only label": (pd.DataFrame(dict(label=[0, 1])), "no numeric feature column"),
    "null label": (pd.DataFrame(dict(a=[1.0, 2.0, 3.0], label=["x", None, "y"])), "1 labels are missing"),
    "NaN": (pd.DataFrame(dict(a=[1.0, np.nan], label=[0, 1])), "must be finite"),
}


@pytest.mark.parametrize("name", BAD_NPZ)
def test_bad_npz(tmp_path, name):
    arrays, message = BAD_NPZ[name]
    path = npz(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        recorded.load(path)
    assert path in str(error.value)


@pytest.mark.parametrize("name", BAD_PARQUET)
def test_bad_parquet(tmp_path, name):
    frame, message = BAD_PARQUET[name]
    path = parquet(tmp_path / "bad.parquet", frame)
    with pytest.raises(ValueError, match=message) as error:
        recorded.load(path)
    assert path in str(error.value)


def test_missing_file_and_unknown_suffix(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"give a \.npz with X and y"):
        recorded.load(str(tmp_path / "none.npz"))
    (tmp_path / "a.csv").write_text("1")
    with pytest.raises(ValueError, match=r"suffix .\.csv. is not known"):
        recorded.load(str(tmp_path / "a.csv"))


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="n > 0"):
        recorded.load(npz(tmp_path / "empty.npz", X=np.zeros((0, 3)), y=np.zeros(0, int)))


def test_a_rewritten_file_is_read_again(tmp_path):
    path = npz(tmp_path / "a.npz", X=X, y=Y)
    recorded.load(path)
    npz(tmp_path / "a.npz", X=X, y=Y[::-1])
    assert recorded.load(path).y.tolist() == Y[::-1].tolist()


def test_round_trips(tmp_path):
    """The same stream from .npz, from a list column and from plain columns."""
    one = recorded.load(npz(tmp_path / "a.npz", X=X, y=Y))
    two = recorded.load(parquet(tmp_path / "b.parquet", pd.DataFrame(dict(features=LISTS, label=Y))))
    columns = pd.DataFrame(X, columns=list("abc")).assign(label=Y, note="text")
    three = recorded.load(parquet(tmp_path / "c.parquet", columns))
    for got in (one, two, three):
        np.testing.assert_allclose(got.X, X / np.linalg.norm(X, axis=1, keepdims=True), atol=1e-15)
        assert got.y.tolist() == Y.tolist() and got.K == 3 and got.y.dtype == np.int64


@pytest.mark.parametrize("labels", [["b", "a", "c"], [30, -1, 7], [2.5, 0.5, 1.5]])
def test_labels_are_coded_in_sorted_order(labels):
    got = recorded.check(np.eye(3), np.array(labels), "here")
    assert got.y.tolist() == np.argsort(np.argsort(labels)).tolist()


@given(own.rngs, st.integers(2, 20), st.integers(1, 5), st.booleans())
def test_property_rows_have_norm_one_or_zero(rng, n, m, center):
    data = rng.normal(size=(n, m)) * rng.choice([0.0, 1e-3, 1e3], size=(n, 1))
    got = recorded.check(data, np.arange(n), "here", center)
    norms = np.linalg.norm(got.X, axis=1)
    want = data - data.mean(axis=0) if center else data
    np.testing.assert_allclose(norms, np.linalg.norm(want, axis=1) > 0, atol=1e-12)


def test_input_is_not_changed():
    data = X.copy()
    recorded.check(data, Y, "here", True)
    np.testing.assert_array_equal(data, X)


def test_digits():
    got = recorded.load("digits")
    assert got.X.shape == (1797, 64) and got.K == 10


@given(st.integers(2, 40), own.floats(0.01, 0.99), own.seeds)
def test_property_split_is_disjoint_and_refuses_a_long_T(n, fraction, seed):
    data = recorded.Recorded(np.arange(n, dtype=float)[:, None], np.arange(n), n)
    order = streams.permutation(draws.stream_keys(seed, 0)[draws.PERMUTATION], n)
    assert sorted(order.tolist()) == list(range(n))
    n_test = max(1, round(fraction * n))
    T = n - n_test
    train, y, test, y_test = recorded.split(data, order, T, fraction, "here")
    assert len(y) == T and len(y_test) == n_test
    assert not set(y) & set(y_test)
    assert train[:, 0].tolist() == y.tolist() and test[:, 0].tolist() == y_test.tolist()
    with pytest.raises(ValueError, match=f"give T <= {T}"):
        recorded.split(data, order, T + 1, fraction, "here")

"""sim.recorded: files that are refused and files that come back as they were written."""

import decimal

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


DAYS = pd.date_range("2020-01-01", periods=2)
NO_NUMBERS = {
    "complex": (np.array([[1.0], [2j]]), "X has type complex128; features must be real numbers"),
    "dates": (DAYS.to_numpy()[:, None], "X has type datetime64"),
    "spans": ((DAYS - DAYS[0]).to_numpy()[:, None], "X has type timedelta64"),
    "text": (np.array([["1.5"], ["2.5"]]), "X has type <U3"),
    "many digits": (np.array([[10**400], [1]], dtype=object), r"X\[0, 0\] = inf"),
    "nested": (np.array([[{}], [1]], dtype=object), r"X holds dict \{\}"),
    "complex object": (np.array([[1j], [1]], dtype=object), "X holds complex 1j; features must be real"),
}
NO_COLUMNS = {
    "numbers as text": (dict(a=["1.5", "x"], b=[1.0, 2.0]), "column 'a' is text with the number '1.5' in it"),
    "dates": (dict(a=DAYS, b=[1.0, 2.0]), r"column 'a' has type datetime64"),
    "spans": (dict(a=DAYS - DAYS[0]), r"column 'a' has type timedelta64"),
    "days": (dict(a=[d.date() for d in DAYS]), "column 'a' holds date datetime.date"),
    "dicts": (dict(a=[{"k": 1}, {"k": 2}], b=[1.0, 2.0]), "column 'a' holds dict"),
    "nothing": (dict(a=[None, None]), "features must be finite"),
    "no list": (dict(features=[[1.0], None]), r"features\[1\] is NoneType None; the rule is a list"),
    "dicts for lists": (dict(features=[{"k": 1}, {"k": 2}]), r"features\[0\] is dict"),
    "hole in a list": (dict(features=[[1.0, None], [1.0, 2.0]]), r"X\[0, 1\] = nan"),
    "text in lists": (dict(features=[["1"], ["2"]]), r"features\[0\] holds str '1'"),
    "nested lists": (dict(features=[[[1.0]], [[2.0]]]), r"features\[0\] holds ndarray"),
    "dates in lists": (dict(features=[[DAYS[0]], [DAYS[1]]]), r"features\[0\] has type datetime64"),
    "list labels": (dict(a=[1.0, 2.0], label=[[0], [1]]), "label 0 is ndarray"),
    "dict labels": (dict(a=[1.0, 2.0], label=[{"k": 1}, {"k": 2}]), "label 0 is dict"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_what_is_no_real_number_is_refused(name):
    data, message = NO_NUMBERS[name]
    with pytest.raises(ValueError, match=message):
        recorded.check(data, np.arange(2), "here")


@pytest.mark.parametrize("name", NO_COLUMNS)
def test_columns_that_are_no_features_are_refused_and_do_not_vanish(tmp_path, name):
    columns, message = NO_COLUMNS[name]
    path = parquet(tmp_path / "bad.parquet", pd.DataFrame(dict(label=[0, 1]) | columns))
    with pytest.raises(ValueError, match=message) as error:
        recorded.load(path)
    assert path in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "column",
    [
        [True, False, True],
        [decimal.Decimal("1.0"), decimal.Decimal("0.0"), decimal.Decimal("1.0")],
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Categorical([1, 0, 1]),
        np.array([1, 0, 1], dtype=np.uint64),
    ],
)
def test_every_kind_of_number_is_a_feature(tmp_path, column):
    frame = pd.DataFrame(dict(a=column, b=[0.0, 1.0, 1.0], note=["x", "y", None], label=[0, 1, 2]))
    got = recorded.load(parquet(tmp_path / "a.parquet", frame))
    np.testing.assert_allclose(got.X, [[1, 0], [0, 1], [0.5**0.5, 0.5**0.5]], rtol=1e-15)


def test_labels_without_a_common_order_are_refused():
    with pytest.raises(ValueError, match="labels of the types int, str have no common order"):
        recorded.check(np.eye(2), np.array([1, "a"], dtype=object), "here")
    with pytest.raises(ValueError, match="a label is one number or one text"):
        recorded.check(np.eye(2), np.zeros(2, dtype=[("a", int)]), "here")


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e200, 1.7e308])
@pytest.mark.parametrize("center", [False, True])
def test_rows_of_any_size_have_norm_one(scale, center):
    """Squares of numbers beyond 1e+-160 overflow or vanish; the rows are the same as at scale 1."""
    data = np.array([[1.0, 0.0], [0.5, -0.5], [-1.0, 0.25]])
    want = recorded.check(data, np.arange(3), "here", center).X
    got = recorded.check(data * scale, np.arange(3), "here", center).X
    np.testing.assert_allclose(got, want, atol=1e-3 if scale < 1e-300 else 1e-14)  # 1e-320 has three digits


@given(own.rngs, st.integers(2, 20), st.integers(1, 40))
def test_property_scaling_by_a_power_of_two_costs_no_bit(rng, n, m):
    data = rng.normal(size=(n, m)) * rng.choice([1e-3, 1.0, 1e6], size=(n, 1))
    got = recorded.check(data, np.arange(n), "here").X
    np.testing.assert_array_equal(got, data / np.sqrt((data * data).sum(axis=1, keepdims=True)))


def damaged(path):
    """A .npz and a .parquet with bytes missing, changed or of something else."""
    whole = path / "whole.npz"
    np.savez(whole, X=X, y=Y)
    data = whole.read_bytes()
    array, objects = path / "array.npz", path / "objects.npz"
    with array.open("wb") as file:
        np.save(file, X)
    np.savez(objects, X=np.array([[{}]], dtype=object), y=np.zeros(1))
    yield from (array, objects)
    for i, text in enumerate((b"", b"PK", b"PK\x03\x04", data[:-9], data[: len(data) // 2], b"\x80\x04]\x94.")):
        for suffix in ("npz", "parquet"):
            file = path / f"{i}.{suffix}"
            file.write_bytes(text)
            yield file


def test_a_damaged_file_is_one_clear_line(tmp_path):
    for file in damaged(tmp_path):
        with pytest.raises(ValueError, match=r"cannot be read \(.+\); write it with numpy.savez or") as error:
            recorded.load(str(file))
        assert str(file) in str(error.value) and "\n" not in str(error.value)


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=4))
def test_property_any_change_of_bytes_is_read_or_refused(tmp_path, place, change):
    file = tmp_path / "a.npz"
    np.savez(file, X=X, y=Y)
    data = bytearray(file.read_bytes())
    data[place % len(data) : place % len(data) + len(change)] = change
    file.write_bytes(data)
    said = ""
    try:
        assert np.isfinite(recorded.load(str(file)).X).all()
    except ValueError as error:
        said = str(error)
    assert not said or str(file) in said


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

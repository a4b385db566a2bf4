from decimal import Decimal
from fractions import Fraction

import array_api_strict
import numpy as np
import pytest
import torch

import copyavg as ca
from copyavg.arrays import as_float_arrays, require_whole, to_numpy


def test_python_numbers_become_float64_numpy():
    _, (a, b) = as_float_arrays(a=[1, 2], b=3)
    assert isinstance(a, np.ndarray)
    assert a.dtype == b.dtype == np.float64


@pytest.mark.parametrize("library", [np, torch, array_api_strict])
def test_a_floating_dtype_is_kept_and_numbers_and_whole_numbers_join_it(library):
    _, (a, b, c) = as_float_arrays(a=library.asarray([1.0], dtype=library.float32), b=2, c=library.asarray([1]))
    assert a.dtype == b.dtype == c.dtype == library.float32
    assert type(a) is type(b) is type(c)


@pytest.mark.parametrize("library", [np, torch, array_api_strict])
def test_whole_numbers_join_the_floating_dtype_that_comes_after_them(library):
    whole, one = library.asarray([1, 2]), library.asarray([1.0], dtype=library.float32)
    assert as_float_arrays(a=whole, b=3, c=one)[1][1].dtype == library.float32
    assert ca.Network(library.asarray([[1]]), one).incoming.dtype == library.float32
    assert as_float_arrays(a=whole, b=3)[1][0].dtype == library.float64


@pytest.mark.parametrize(("given", "kept"), [(">f8", "f8"), (">f4", "f4"), (">i4", "f4"), ("<f8", "f8")])
def test_bytes_in_another_order_are_accepted(given, kept):
    _, (x, y) = as_float_arrays(x=np.array([1, 2], dtype=given), y=np.ones(1, dtype=">f4"))
    assert (x.dtype, y.dtype) == (np.dtype(kept), np.dtype("f4"))
    assert x.dtype.isnative
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize(
    "value",
    [
        [Fraction(1, 4), 2],
        [Decimal("0.25"), 2.0],
        np.array([Fraction(1, 4), 2], dtype=object),
        np.array([0.25, 2]).view(np.recarray),
    ],
)
def test_fractions_decimals_and_kinds_of_arrays_are_numbers(value):
    _, (x,) = as_float_arrays(x=value)
    assert (type(x), x.dtype) == (np.ndarray, np.float64)
    assert np.ravel(x).tolist() == [0.25, 2]
    assert as_float_arrays(x=10**30)[1][0] == 1e30


@pytest.mark.bad_input
def test_what_float64_cannot_hold_is_named():
    for value in (10**400, Decimal("sNaN")):
        with pytest.raises(ValueError, match="r must be numbers that float64 can hold, but was given"):
            as_float_arrays(r=value)


@pytest.mark.bad_input
def test_masked_arrays_are_refused():
    masked = np.ma.masked_array([[1.0, 2.0]], [[False, True]])
    with pytest.raises(TypeError, match="incoming must be an array without a mask, but was given a masked array: fill"):
        ca.Network(masked, [1.0])
    with pytest.raises(TypeError, match="u must be an array without a mask"):
        ca.interaction(1, 1, np.ma.masked)


@pytest.mark.bad_input
def test_mixed_libraries_are_named():
    with pytest.raises(TypeError, match=r"one library, but were given a from .*numpy, b from .*torch"):
        as_float_arrays(a=np.ones(1), b=torch.ones(1))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "value", ["x", [1, "x"], None, 1j, [True, Fraction(1, 2)], np.array([1j]), np.array(["x"]), np.array([True])]
)
def test_what_is_not_a_real_number_is_named(value):
    with pytest.raises(TypeError, match="r must be real numbers"):
        as_float_arrays(r=value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), ("1", TypeError)]
)
def test_whole_numbers(value, error):
    with pytest.raises(error, match="k must be a whole number of at least 1, but was given"):
        require_whole("k", value)


def test_numpy_integers_are_whole():
    assert require_whole("k", np.int64(3)) == 3


@pytest.mark.parametrize("library", [np, torch, array_api_strict])
def test_any_array_becomes_numpy_s_of_the_same_dtype(library):
    x = to_numpy(library.asarray([[1.0, 2.0]], dtype=library.float32))
    assert isinstance(x, np.ndarray)
    assert x.dtype == np.float32
    assert x.tolist() == [[1, 2]]

import array_api_strict
import numpy as np
import pytest
import torch

from copyavg.arrays import as_float_arrays, require_whole, to_numpy


def test_python_numbers_become_float64_numpy():
    _, (a, b) = as_float_arrays(a=[1, 2], b=3)
    assert isinstance(a, np.ndarray)
    assert a.dtype == b.dtype == np.float64


@pytest.mark.parametrize("library", [np, torch, array_api_strict])
def test_a_floating_dtype_is_kept_and_numbers_join_it(library):
    _, (a, b, c) = as_float_arrays(a=library.asarray([1.0], dtype=library.float32), b=2, c=library.asarray([1]))
    assert a.dtype == b.dtype == library.float32
    assert c.dtype == library.float64
    assert type(a) is type(b) is type(c)


@pytest.mark.bad_input
def test_mixed_libraries_are_named():
    with pytest.raises(TypeError, match=r"one library, but were given a from .*numpy, b from .*torch"):
        as_float_arrays(a=np.ones(1), b=torch.ones(1))


@pytest.mark.bad_input
@pytest.mark.parametrize("value", ["x", [1, "x"], None, 1j, np.array([1j]), np.array(["x"]), np.array([True])])
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

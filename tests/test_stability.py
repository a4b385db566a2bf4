"""Minimum or saddle: against the full Hessian, and where the two families change places."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.symmetry import NoCriticalPointError

POINTS = {"copy-average": ca.optimal_copy_average, "n-copy": lambda n, k, d=None: ca.n_copy(n, k, d=d)}


@pytest.mark.claim("three-thresholds")
@pytest.mark.parametrize("family", POINTS)
@pytest.mark.parametrize(("n", "k", "d"), [(2, 4, 4), (8, 10, 11), (9, 10, 12), (4, 7, 7)])
def test_against_the_full_hessian(family, n, k, d, residual):
    point, teacher = POINTS[family](n, k, d), ca.orthonormal_teacher(k, d)
    exact = np.linalg.eigvalsh(ca.hessian(point, teacher))
    result = ca.stability(n, k, family, d=d)
    residual("three-thresholds", "full Hessian", abs(result.smallest_eigenvalue - exact[0]) / exact[-1])
    assert result.index == np.sum(exact < -1e-10)
    assert result.loss == pytest.approx(ca.loss(point, teacher), rel=1e-12)
    assert sum(len(block.matrix) * block.multiplicity for block in result.blocks) == exact.size


@pytest.mark.slow
@pytest.mark.claim("three-thresholds")
@pytest.mark.parametrize(("k", "better", "minimum", "saddle"), [(10, 8, 6, 9), (20, 15, 10, 18), (30, 23, 14, 27)])
def test_the_three_thresholds(k, better, minimum, saddle, residual):
    """From where on n-copy has the lower loss, n-copy is a minimum, and copy-average is a saddle."""
    ca_points = {n: ca.stability(n, k) for n in range(k // 3, k)}
    n_points = {n: ca.stability(n, k, "n-copy") for n in range(k // 3, k)}
    found = (
        min(n for n in n_points if n_points[n].loss < ca_points[n].loss),
        min(n for n in n_points if n_points[n].index == 0),
        min(n for n in ca_points if ca_points[n].index > 0),
    )
    residual("three-thresholds", "symmetry", sum(x != y for x, y in zip(found, (better, minimum, saddle), strict=True)))


@pytest.mark.slow
def test_thresholds_at_a_thousand_neurons():
    """They stand at n = 765, 224 and, at k = 200, 189."""
    for n, better in [(764, False), (765, True)]:
        assert (ca.stability(n, 1000, "n-copy").loss < ca.stability(n, 1000).loss) == better
    for n, index in [(223, 222), (224, 0)]:
        assert (ca.stability(n, 1000, "n-copy").index > 0) == (index > 0)
    for n, saddle in [(188, False), (189, True)]:
        assert (ca.stability(n, 200).index > 0) == saddle


def test_at_a_million_neurons():
    """The cost does not grow; the average of two has a loss known in closed form."""
    result = ca.stability(10**6 - 1, 10**6)
    assert result.loss == pytest.approx(ca.copy_average_loss((2,)), abs=1e-9)
    assert result.index > 0


@pytest.mark.parametrize("activation", ["tanh", "gelu", "relu"])
def test_displaced_copy_average_points_are_critical(activation):
    result = ca.stability(2, 3, activation=activation)
    assert np.isfinite(result.smallest_eigenvalue)
    assert result.loss > 0


@pytest.mark.bad_input
def test_bad_input():
    with pytest.raises(ValueError, match="family must be 'copy-average' or 'n-copy', but was given 'best'"):
        ca.stability(2, 3, "best")
    with pytest.raises(ValueError, match="n must be at most k"):
        ca.stability(4, 3)
    with pytest.raises(NoCriticalPointError, match="no n-copy point at n = 2, k = 30 for erf: .* ends near n = 2.09"):
        ca.stability(2, 30, "n-copy")

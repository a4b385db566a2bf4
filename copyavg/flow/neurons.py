"""Neurons of one student side by side: what each can do, and which two are nearest to doing the same."""

import math

from .compiled import compiled


@compiled
def norm_of(theta, setting, i):
    """Return ‖wᵢ‖."""
    d, square = theta.size // setting.n - 1, 0.0
    for e in range(i * d, i * d + d):
        square += theta[e] * theta[e]
    return math.sqrt(square)


@compiled
def strength_of(theta, setting, i):
    """What a neuron can do: |a|, and with a gauge |a| ‖w‖."""
    size = abs(theta[theta.size - setting.n + i])
    return size * norm_of(theta, setting, i) if setting.homogeneous else size


@compiled
def closest_pair(theta, setting, opposed):
    """Return the most nearly parallel pair of neurons that do the same, or `opposed` things, and its correlation.

    Of an odd σ, neurons of opposite directions are parallel as well. With a gauge, neurons of one direction do what one
    of them could do, whatever the signs of their outgoing weights. (0, 0, 0) if there is no pair.
    """
    n = setting.n
    d = theta.size // n - 1
    first, second, closest = 0, 0, 0.0
    for i in range(n):
        for j in range(i):
            product = 0.0
            for e in range(d):
                product += theta[i * d + e] * theta[j * d + e]
            correlation = product / max(norm_of(theta, setting, i) * norm_of(theta, setting, j), 1e-300)
            if correlation < 0 and not setting.odd:
                continue
            together = theta[n * d + i] * theta[n * d + j] * correlation > 0
            if together == opposed and not (setting.homogeneous and not opposed):
                continue
            if abs(correlation) > abs(closest):
                first, second, closest = j, i, correlation
    return first, second, closest

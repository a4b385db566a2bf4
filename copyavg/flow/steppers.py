"""One erf student followed along gradient flow θ̇ = −∇L to its limit, compiled.

Three ways to go on, from the start to the limit:

- *Chebyshev* steps (Runge–Kutta–Chebyshev of order 2), explicit, while few stages are enough for stability;
- *Rosenbrock* steps (Rodas, of order 4), linearly implicit: every stage solves (H + 1/(γh)) u = r by conjugate
  gradients, and a direction of negative curvature met on the way shortens the step;
- *Newton's* method, once a certificate puts the state into the basin of a non-degenerate minimum.

Steps are accepted if their estimated error is within tolerance and the loss does not rise. Everything works on one
vector θ and the products of `kernels`; nothing is random, so that a limit depends on its start alone.
"""

import math

import numpy as np

from .compiled import compiled
from .kernels import SUCCEEDED, curvature, gradient, hessian_product, solve

# How a trajectory ends; `gradient_flow` gives the names.
CONVERGED, MERGED_PAIR, IDLE_NEURON, DIPOLE, ROUNDING, CRITICAL, STALLED, UNRESOLVED = range(8)

_GOLDEN = (math.sqrt(5) - 1) / 2  # (i × it) mod 1 is a direction like any other, and the same every time
_MOST_STAGES = 40  # of a Chebyshev step, before Rosenbrock steps take over
MOST_STEPS = 100_000
_IDLE = 1e-6  # outgoing weight, of the largest, below which a neuron does nothing
LATEST = 1e12  # no limit is waited for any longer
FIRST_TRY, NEXT_TRY = 1e-3, 0.3  # ‖∇L‖∞ at which Newton's method is tried, and by which factor lower the next time
BASIN = 0.5  # M × Newton decrement, below which the state lies in the minimum's basin
NORM_OF_SMALLER = 1e-10  # ‖∇L‖∞ that certifies a smaller student: only its loss is used, to 1e-9
_FLAT = 1e-9  # the smallest eigenvalue that is told from zero
_MOST_PRODUCTS = 5000  # of one solve
_SOLVED, _SEEN = 0.1, 1e-3  # accuracy of a Rosenbrock stage, as a part of the step's tolerance and of the force

# Rodas, as transformed by Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.7: γ = ¼.
GAMMA = 0.25
STAGES_STATE = np.array([
    [0, 0, 0, 0, 0],
    [1.544, 0, 0, 0, 0],
    [0.9466785280815826, 0.2557011698983284, 0, 0, 0],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0, 0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1],
])  # fmt: skip
STAGES_FORCE = np.array([
    [0, 0, 0, 0, 0],
    [-5.6688, 0, 0, 0, 0],
    [-2.430093356833875, -0.2063599157091915, 0, 0, 0],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0, 0],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
])  # fmt: skip


@compiled
def _largest(x):
    """Return max |xᵢ|; NaN if there is one."""
    largest = 0.0
    for value in x:
        if not abs(value) <= largest:
            largest = abs(value)
    return largest


@compiled
def _weighted(error, before, after, accuracy):
    """Return the root mean square of the errors, each relative to accuracy × (1 + |θᵢ|)."""
    total = 0.0
    for i in range(error.size):
        part = error[i] / (accuracy * (1 + max(abs(before[i]), abs(after[i]))))
        total += part * part
    return math.sqrt(total / error.size)


@compiled
def _spectral_radius(theta, vector, iterations, n, k, counts):
    """Estimate the largest |eigenvalue| of the Hessian by power iteration from `vector`, which is turned to it."""
    at, image, radius = curvature(theta, n, k), np.empty(theta.size), 0.0
    counts[1] += iterations
    for _ in range(iterations):
        vector /= math.sqrt(np.dot(vector, vector))
        hessian_product(at, vector, image)
        radius = math.sqrt(np.dot(image, image))
        vector[:] = image
    return radius


@compiled
def chebyshev_step(theta, force, h, stages, n, k, ahead, force_ahead, error):
    """Take one step of length h of the second-order Runge–Kutta–Chebyshev method (Sommeijer, Shampine and Verwer 1998).

    Writes the state, the force −∇L there and the error estimate; returns the loss there. It is stable for
    h ‖H‖ up to 0.65 (stages² − 1).
    """
    size = theta.size
    w0 = 1 + 2 / (13 * stages**2)
    root = math.sqrt(w0 * w0 - 1)
    angle = stages * math.log(w0 + root)
    w1 = math.sinh(angle) * root * root / (math.cosh(angle) * stages * root - w0 * math.sinh(angle))
    b_1 = b_2 = 1 / (2 * w0) ** 2
    oldest, old, new = theta.copy(), np.empty(size), np.empty(size)
    first = w1 * b_1
    for i in range(size):
        old[i] = theta[i] + h * first * force[i]
    # Chebyshev polynomials T_j(w0) with first and second derivatives, by their recurrences.
    t_1, t_2, dt_1, dt_2, ddt_1, ddt_2 = w0, 1.0, 1.0, 0.0, 0.0, 0.0
    slope = np.empty(size)
    for _ in range(2, stages + 1):
        t, dt, ddt = 2 * w0 * t_1 - t_2, 2 * w0 * dt_1 - dt_2 + 2 * t_1, 2 * w0 * ddt_1 - ddt_2 + 4 * dt_1
        b = ddt / (dt * dt)
        mu, nu = 2 * w0 * b / b_1, -b / b_2
        mu_force = mu * w1 / w0
        gamma_force = -mu_force * (1 - t_1 * b_1)
        gradient(old, n, k, slope)
        for i in range(size):
            new[i] = (
                (1 - mu - nu) * theta[i]
                + mu * old[i]
                + nu * oldest[i]
                + h * (gamma_force * force[i] - mu_force * slope[i])
            )
        oldest, old, new = old, new, oldest
        t_1, t_2, dt_1, dt_2, ddt_1, ddt_2, b_1, b_2 = t, t_1, dt, dt_1, ddt, ddt_1, b, b_1
    ahead[:] = old
    value = gradient(ahead, n, k, force_ahead)
    for i in range(size):
        force_ahead[i] = -force_ahead[i]
        error[i] = 0.8 * (theta[i] - ahead[i]) + 0.4 * h * (force[i] + force_ahead[i])
    return value


@compiled
def rosenbrock_step(theta, force, at, h, accuracy, n, k, ahead, force_ahead, error, counts):
    """Take one step of length h of the Rodas method, `at` being the curvature at θ.

    Writes the state, the force −∇L there and the error estimate; returns whether every stage was solved, and the loss.

    A state near a saddle leaves it. The residual of conjugate gradients is p(H + 1/(γh)) r with p(0) = 1 and the Ritz
    values as roots; while these are positive, p ≥ 1 for negative arguments. So a stage that is solved to a small part
    of the force has met every direction of negative curvature beyond 1/(γh) along which the force has a larger part,
    and damps none of the others.
    """
    size, shift = theta.size, 1 / (GAMMA * h)
    tolerance = min(_SOLVED * accuracy * math.sqrt(size) * shift, _SEEN * math.sqrt(np.dot(force, force)))
    stages, right = np.empty((6, size)), np.empty(size)
    for stage in range(6):
        if stage == 0:
            right[:] = force
        else:
            for i in range(size):
                ahead[i], right[i] = theta[i], 0.0
            for j in range(stage):
                a, c = STAGES_STATE[stage, j], STAGES_FORCE[stage, j] / h
                for i in range(size):
                    ahead[i] += a * stages[j, i]
                    right[i] += c * stages[j, i]
            gradient(ahead, n, k, force_ahead)
            counts[0] += 1
            for i in range(size):
                right[i] -= force_ahead[i]
        outcome, products = solve(at, shift, right, tolerance, _MOST_PRODUCTS, stages[stage])
        counts[1] += products
        if outcome != SUCCEEDED:
            return False, math.inf
    for i in range(size):
        error[i] = stages[5, i]
        ahead[i] += error[i]
    value = gradient(ahead, n, k, force_ahead)
    counts[0] += 1
    for i in range(size):
        force_ahead[i] = -force_ahead[i]
    return True, value


@compiled
def _smallest_eigenvalue(at, shift, vector, counts):
    """Find the smallest eigenvalue of H by the Lanczos method on (H + shift)⁻¹; `vector` becomes its eigenvector.

    Returns whether H + shift is positive definite, and the eigenvalue: an upper bound, good to about 1e-6 of itself
    plus the shift.
    """
    most, size = 30, vector.size
    basis, ritz, image = np.zeros((most, size)), np.zeros((most, most)), np.empty(size)
    for i in range(size):
        basis[0, i] = (i * _GOLDEN) % 1 - 0.5
    basis[0] /= math.sqrt(np.dot(basis[0], basis[0]))
    before = value = 0.0
    for m in range(most):
        outcome, products = solve(at, shift, basis[m], 1e-6, _MOST_PRODUCTS, image)
        counts[1] += products
        if outcome != SUCCEEDED:
            return False, 0.0
        for _ in range(2):  # twice is enough to be orthogonal to all before
            for j in range(m + 1):
                along = np.dot(basis[j], image)
                ritz[j, m] += along
                image -= along * basis[j]
        for j in range(m):
            ritz[m, j] = ritz[j, m]
        values, vectors = np.linalg.eigh(ritz[: m + 1, : m + 1])
        value, length = values[m], math.sqrt(np.dot(image, image))
        if abs(value - before) <= 1e-6 * value or m + 1 == most or length < 1e-6 * value:
            vector[:] = 0.0
            for j in range(m + 1):
                vector += vectors[j, m] * basis[j]
            break
        before = value
        basis[m + 1] = image / length
    return True, 1 / value - shift


@compiled
def _third_derivative(theta, at, toward, vector, n, k, counts):
    """Estimate M = sup |D³L[u, u, u]| / (uᵀHu)^1.5 from below, by alternating power iteration of D³L in the H-metric.

    The supremum of D³L[e, u, u] over both is attained at e = u (Banach); e is held while u ← H⁻¹ D³L[e, u, ·].
    """
    size = theta.size
    image, other, longest = np.empty(size), np.empty(size), 0.0
    for _ in range(3):
        hessian_product(at, toward, image)
        length = math.sqrt(np.dot(toward, image))
        toward /= max(length, 1e-150)
        step = 1e-4 / math.sqrt(np.dot(toward, toward))
        plus, minus = curvature(theta + step * toward, n, k), curvature(theta - step * toward, n, k)
        for _ in range(3):
            hessian_product(at, vector, image)
            vector /= math.sqrt(np.dot(vector, image))
            hessian_product(plus, vector, image)
            hessian_product(minus, vector, other)
            image -= other
            image /= 2 * step
            outcome, products = solve(at, 0.0, image, 1e-2 * math.sqrt(np.dot(image, image)), _MOST_PRODUCTS, other)
            counts[1] += products + 3
            longest = max(longest, math.sqrt(max(np.dot(image, other), 0.0)))
            if not np.dot(other, other) > 0:
                return longest
            vector[:] = other
        toward[:] = vector
    return longest


@compiled
def newton(theta, n, k, tolerance, limit, counts):
    """Go from θ to a critical point by Newton's method, and certify that θ lies in the basin of this minimum.

    With the Newton decrement δ = √(gᵀH⁻¹g) at θ and M = sup |D³L[u, u, u]| / (uᵀHu)^1.5 at the minimum, M δ ≤ ½ puts
    the part of {L ≤ L(θ)} around the minimum, to third order, into a ball in which L is convex: the flow cannot leave
    it. M is estimated from below, so that this is strong evidence, not a proof.

    Writes the limit; returns whether all held, and there ‖∇L‖∞, the smallest eigenvalue and the loss.
    """
    limit[:] = theta
    force, step = np.empty(theta.size), np.empty(theta.size)
    value = before = gradient(limit, n, k, force)
    first = norm = smallest = 0.0
    for iteration in range(12):
        norm = _largest(force)
        if iteration > 0 and norm <= tolerance:
            break
        at = curvature(limit, n, k)
        outcome, products = solve(at, 0.0, force, 1e-4 * math.sqrt(np.dot(force, force)), _MOST_PRODUCTS, step)
        counts[1] += products
        if outcome != SUCCEEDED:
            return False, norm, smallest, value
        decrement = math.sqrt(max(np.dot(force, step), 0.0))
        limit -= step
        value = gradient(limit, n, k, force)
        counts[0] += 1
        if iteration == 0:
            first, expected = decrement, decrement**2 / 2
            if expected > 1e-12 and not 0.5 * expected <= before - value <= 1.5 * expected:
                return False, norm, smallest, value
        elif not (decrement <= BASIN * first or decrement <= 1e-10):
            return False, norm, smallest, value
    if not norm <= tolerance:
        return False, norm, smallest, value
    at, vector = curvature(limit, n, k), np.empty(theta.size)
    positive, smallest = _smallest_eigenvalue(at, 0.0, vector, counts)
    if not positive:
        return False, norm, smallest, value
    bound = first * _third_derivative(limit, at, theta - limit, vector, n, k, counts) if first > 0 else 0.0
    return bound <= BASIN, norm, smallest, value


@compiled
def _closest_pair(theta, n):
    """Return the most nearly parallel pair of incoming weights, and its correlation."""
    d = theta.size // n - 1
    incoming = theta[: n * d].reshape(n, d)
    first, second, closest = 0, 0, 0.0
    for i in range(n):
        for j in range(i):
            product, left, right = 0.0, 1e-300, 1e-300
            for e in range(d):
                product += incoming[i, e] * incoming[j, e]
                left += incoming[i, e] ** 2
                right += incoming[j, e] ** 2
            correlation = product / math.sqrt(left * right)
            if abs(correlation) > abs(closest):
                first, second, closest = j, i, correlation
    return first, second, closest


@compiled
def degenerate_outcome(theta, n, time):
    """Say what may keep a student from a non-degenerate limit: an idle neuron, a merged pair, a dipole, or nothing."""
    outgoing = np.abs(theta[theta.size - n :])
    if n > 1 and outgoing.min() <= _IDLE * outgoing.max():
        return IDLE_NEURON
    first, second, correlation = _closest_pair(theta, n)
    same_sign = theta[theta.size - n + first] * theta[theta.size - n + second] * correlation > 0
    if same_sign and abs(correlation) > 0.98:
        return MERGED_PAIR
    if not same_sign and abs(correlation) > 0.95 and time > 1e6:
        return DIPOLE
    return STALLED


@compiled
def undecided_outcome(norm, smallest, largest, tolerance):
    """Say why nothing was certified where nothing degenerates, from ‖∇L‖∞ and the extreme eigenvalues of the Hessian.

    Weights of order one are known to 2⁻⁵² and ∇L thus to 2⁻⁵² ‖H‖: a minimum whose gradient is smaller than that, but
    not small enough for the certificate, is lost in rounding.
    """
    if smallest > _FLAT and norm <= 2**-52 * largest:
        return ROUNDING
    return CRITICAL if norm <= tolerance else STALLED


@compiled
def smaller(theta, n, outcome):
    """Return the student without its idle neuron, or with the merged pair as one neuron."""
    d, row, sign = theta.size // n - 1, 0, 0.0
    first = second = np.abs(theta[n * d :]).argmin()
    if outcome == MERGED_PAIR:
        first, second, correlation = _closest_pair(theta, n)
        sign = math.copysign(1.0, correlation)
    result = np.empty((n - 1) * (d + 1))
    incoming, fewer = theta[: n * d].reshape(n, d), result[: (n - 1) * d].reshape(n - 1, d)
    outgoing, summed = theta[n * d :], result[(n - 1) * d :]
    for i in range(n):
        if i != second:
            fewer[row], summed[row] = incoming[i], outgoing[i]
            if i == first:
                summed[row] += sign * outgoing[second]
                share = outgoing[first] / summed[row]
                fewer[row] = share * incoming[first] + (1 - share) * sign * incoming[second]
            row += 1
    return result


@compiled
def _lowest(theta, n, k, counts):
    """Return the smallest eigenvalue where it may be zero or negative, to about 1e-10 or 1e-6 of its size."""
    at, shift, vector = curvature(theta, n, k), 1e-4, np.empty(theta.size)
    while shift < 1e100:
        positive, value = _smallest_eigenvalue(at, shift, vector, counts)
        if positive:
            return value
        shift *= 10
    return -math.inf


@compiled
def follow(start, n, k, accuracy, tolerance, times, states, limit, counts):
    """Follow gradient flow from `start` to its limit; write the states at the given times, in ascending order, too.

    Returns how it ended, the time reached by integration, and at the limit ‖∇L‖∞, the smallest eigenvalue and the
    loss. `counts` gathers gradients, Hessian-vector products, steps and rejected steps.
    """
    size = start.size
    theta, force, ahead, force_ahead, error = (
        start.copy(), np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    )  # fmt: skip
    value = gradient(theta, n, k, force)
    for i in range(size):
        force[i] = -force[i]
    vector = np.empty(size)
    for i in range(size):
        vector[i] = (i * _GOLDEN) % 1 - 0.5
    radius, since = _spectral_radius(theta, vector, 12, n, k, counts), 0
    rms = math.sqrt(np.dot(force, force) / size)
    h = min(0.25 / max(radius, 1e-300), 0.1 * math.sqrt(accuracy) / max(rms, 1e-300))
    at, explicit, rejected = curvature(theta, n, k), True, False
    time, due, last_error = 0.0, 0, 1.0
    try_newton, try_reducing = FIRST_TRY, 1e-9
    while due < times.size and times[due] <= 0:
        states[due] = theta
        due += 1
    while True:
        norm = _largest(force)
        if due == times.size and norm <= try_newton:
            certified, at_limit, smallest, lowest = newton(theta, n, k, tolerance, limit, counts)
            if certified:
                return CONVERGED, time, at_limit, smallest, lowest
            try_newton = NEXT_TRY * norm
        arrived = due == times.size
        over = counts[2] + counts[3] >= MOST_STEPS or not h > 1e-12 * (1e-3 + time)
        over = over or (arrived and (time >= LATEST or norm <= tolerance))
        if over or (arrived and time > 1e7 and norm <= try_reducing):
            outcome = degenerate_outcome(theta, n, time)
            reducible = outcome in (MERGED_PAIR, IDLE_NEURON)
            if reducible:
                try_reducing = 0.1 * norm
                fewer = smaller(theta, n, outcome)
                loose = max(tolerance, NORM_OF_SMALLER)
                reducible, _, _, lowest = newton(fewer, n - 1, k, loose, np.empty(fewer.size), counts)
                reducible = reducible and abs(lowest - value) <= 1e-9
                outcome = outcome if reducible else STALLED
            if over or reducible:
                limit[:] = theta
                for late in range(due, times.size):
                    states[late] = theta
                smallest = _lowest(theta, n, k, counts)
                if outcome == STALLED:
                    radius = _spectral_radius(theta, vector, 12, n, k, counts)
                    outcome = undecided_outcome(norm, smallest, radius, tolerance)
                return outcome, time, norm, smallest, value
        lands = due < times.size and times[due] - time <= h
        step = times[due] - time if lands else h
        ok = True
        if explicit:
            if since >= 5:
                radius, since = _spectral_radius(theta, vector, 3, n, k, counts), 0
            stages = max(2, 1 + int(math.sqrt(1.54 * step * 1.15 * radius + 1)))
            if stages > _MOST_STAGES:
                explicit = False
                at = curvature(theta, n, k)
                continue
            lower = chebyshev_step(theta, force, step, stages, n, k, ahead, force_ahead, error)
            counts[0] += stages
        else:
            ok, lower = rosenbrock_step(theta, force, at, step, accuracy, n, k, ahead, force_ahead, error, counts)
        badness = _weighted(error, theta, ahead, accuracy) if ok else math.inf
        ok = badness <= 1 and math.isfinite(lower) and math.isfinite(_largest(force_ahead))
        if not ok or lower > value + 1e-13 * k:
            counts[3] += 1
            rejected = True
            shrink = 0.3
            if math.isfinite(badness):
                shrink = 0.8 * badness ** (-1 / 3) if explicit else 0.9 * badness**-0.25
            h = step * min(0.5, max(0.1, shrink))
            if explicit:
                radius, since = _spectral_radius(theta, vector, 12, n, k, counts), 0
            continue
        counts[2] += 1
        since += 1
        theta[:], force[:], value = ahead, force_ahead, lower
        time = times[due] if lands else time + step
        while due < times.size and times[due] <= time:
            states[due] = theta
            due += 1
        badness = max(badness, 1e-8)
        if explicit:
            grow = 0.8 * badness ** (-1 / 3)
            if counts[2] > 1:  # with the last error too, a step size that changes more smoothly
                grow = min(grow, 0.8 * last_error ** (1 / 3) / badness ** (2 / 3))
            last_error = max(badness, 1e-3)
            longer = step * min(5.0, max(0.1, grow))
        else:
            grow = 0.9 * badness**-0.25
            longer = step * min(1.0 if rejected else 6.0, max(0.2, grow))
            at = curvature(theta, n, k)
        h = max(h, longer) if lands else longer
        rejected = False

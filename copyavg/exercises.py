"""Exercises that check themselves: the reader writes a function, and `check` says whether it is right, or gives a hint.

Every exercise of the chapters that asks for a function is defined here, once: what the function is given, what
`copyavg` says it should return, and what a typical mistake returns instead. Nothing is typed as a number.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from math import asin, factorial, pi, prod, sqrt
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from .activations import leaky_relu
from .averaging import one_neuron
from .configurations import copy_average, partitions
from .interaction import interaction
from .landscape import gradient, hessian, loss
from .network import Network, orthonormal_teacher, random_student


@dataclass(frozen=True)
class Verdict:
    """What `check` found out: whether the answer is right, and a line for the reader, which is how it prints."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Exercise:
    """What an answer is tried on and compared with.

    Parameters
    ----------
    arguments : tuple of str
        The names of what the reader's function is given, for messages.
    inputs : callable
        () → the arguments of every trial, a tuple each.
    expected : callable
        What the function should return for these arguments, computed with `copyavg` by another route than the
        answer's.
    answer : callable
        A right answer, in closed form.
    mistakes : tuple of (callable, str)
        Wrong answers that are easily given, each with the hint that fits; the first that agrees counts.
    tolerance : float
        How far a right answer may be from the expected one, relative to the largest expected number.
    """

    arguments: tuple[str, ...]
    inputs: Callable[[], Sequence[tuple]]
    expected: Callable[..., Any]
    answer: Callable[..., Any]
    mistakes: tuple[tuple[Callable[..., Any], str], ...]
    tolerance: float = 1e-6


def check(label: str, answer: Callable[..., Any]) -> Verdict:
    """Return whether the function `answer` solves the exercise, and a hint if it does not.

    The function is called on a few inputs and compared with `copyavg`. Whatever it does, the reader gets one line
    and no traceback.

    Parameters
    ----------
    label : str
        The label of the exercise, such as "ex-one-copy".
    answer : callable
        The reader's function.

    Returns
    -------
    Verdict
        `.passed`, and `.message`, which is how it prints.

    Examples
    --------
    >>> check("ex-one-copy", lambda k: (k - 1) / 3)
    ✓ ex-one-copy: right for all 6 inputs.
    >>> check("ex-one-copy", lambda k: (k - 1) / 6)
    ✗ ex-one-copy: wrong at k = 2. Hint: that is half of it. The loss of this book has no factor ½.
    """
    if not isinstance(label, str) or label not in EXERCISES:
        return Verdict(False, f"✗ There is no exercise {label!r}. There are: {', '.join(EXERCISES)}.")
    if not callable(answer):
        return Verdict(False, f"✗ {label}: give the function itself, by its name and without brackets.")
    exercise = EXERCISES[label]
    inputs = exercise.inputs()
    expected = [exercise.expected(*arguments) for arguments in inputs]
    given = []
    for arguments, right in zip(inputs, expected):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = answer(*deepcopy(arguments))
        except (Exception, SystemExit) as error:
            where = _describe(exercise, arguments)
            return Verdict(False, f"✗ {label}: {where}, your function raised {type(error).__name__}: {_short(error)}")
        given.append(value)
        if not _missing(value) and (problem := _wrong_kind(value, right)):
            return Verdict(False, f"✗ {label}: {_describe(exercise, arguments)}, {problem}")
    if all(map(_missing, given)):
        return Verdict(False, f"○ {label}: not answered yet. Replace the dots and run the cell.")
    wrong = [i for i in range(len(inputs)) if not _agree(exercise, given[i : i + 1], expected[i : i + 1])]
    if not wrong:
        return Verdict(True, f"✓ {label}: right for all {len(inputs)} inputs.")
    where = _describe(exercise, inputs[wrong[0]])
    return Verdict(False, f"✗ {label}: wrong {where}. {_hint(exercise, inputs, given, expected, len(wrong))}")


def _hint(exercise: Exercise, inputs: Sequence[tuple], given: list, expected: list, wrong: int) -> str:
    if any(map(_missing, given)):
        return "There it returns nothing: is a return missing?"
    if any(np.any(np.isnan(_numbers(value))) for value in given):
        return "It is not a number for some input. Is there a 0/0, or the square root of a negative number?"
    for mistake, hint in exercise.mistakes:
        if _agree(exercise, given, [mistake(*arguments) for arguments in inputs]):
            return f"Hint: {hint}"
    for factor, name in (
        (2, "twice the right answer"),
        (0.5, "half of the right answer"),
        (-1, "right but for its sign"),
    ):
        if _agree(exercise, given, [factor * _numbers(right) for right in expected]):
            return f"Hint: everywhere it is {name}."
    if wrong < len(inputs):
        return f"It is right for {len(inputs) - wrong} of {len(inputs)} inputs. What is special about those?"
    return "It is not right for any input. Compare it with a case that you can compute by hand."


def _missing(value: Any) -> bool:
    return value is None or value is ...


def _short(message: Any) -> str:
    line = " ".join(str(message).split())
    return line if len(line) <= 80 else line[:79] + "…"


def _describe(exercise: Exercise, arguments: tuple) -> str:
    shown = (
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in zip(exercise.arguments, arguments)
        if isinstance(value, (int, float, tuple))
    )
    return "at " + (", ".join(shown) or "the inputs " + ", ".join(exercise.arguments))


def _numbers(value: Any) -> np.ndarray:
    if isinstance(value, Network):
        return np.concatenate([np.ravel(value.incoming), np.ravel(value.outgoing)])
    return np.asarray(value, dtype=float)


def _wrong_kind(value: Any, right: Any) -> str | None:
    """Say what is wrong with the type or the shape of an answer."""
    if isinstance(right, Network):
        if not isinstance(value, Network):
            return f"return a Network: yours is of type {type(value).__name__}."
        if value.incoming.shape != right.incoming.shape:
            return f"incoming must have shape {right.incoming.shape}, and yours has {tuple(value.incoming.shape)}."
        return None
    if isinstance(value, (str, bool, complex, np.complexfloating)):
        return f"return a real number: yours is {_short(repr(value))}."
    try:
        shape = _numbers(value).shape
    except (TypeError, ValueError):
        return f"return a number: yours is of type {type(value).__name__}."
    return f"return one number: yours is an array of shape {shape}." if shape else None


def _agree(exercise: Exercise, given: list, expected: list) -> bool:
    """Whether all answers are within the tolerance; an answer that is missing or of another shape is not."""
    for value, right in zip(given, expected):
        if _missing(value) or right is None:
            return False
        value, right = _numbers(value), _numbers(right)
        if value.shape != right.shape:
            return False
        if not np.all(np.abs(value - right) <= exercise.tolerance * np.max(np.abs(right), initial=1e-3)):
            return False
    return True


_NO_HALF = "that is half of it. The loss of this book has no factor ½."


def _one_copy() -> Exercise:
    def expected(k: int) -> float:
        return loss(Network(np.eye(1, k), [1.0]), orthonormal_teacher(k))

    return Exercise(
        arguments=("k",),
        inputs=lambda: [(k,) for k in range(1, 7)],
        expected=expected,
        answer=lambda k: (k - 1) / 3,
        mistakes=(
            (lambda k: (k - 1) / 6, _NO_HALF),
            (lambda k: (k - 2) / 3, "you left out the interaction of the student neuron with itself, g(1, 1, 1)."),
            (lambda k: k / 3, "the copied teacher neuron is still in there. The copy cancels it."),
            (lambda k: (k + 1) / 3, "the term between student and teacher is missing; it enters with −2."),
            (lambda k: k - 1.0, "the count is right, but what one neuron leaves is g(1, 1, 1). How large is it?"),
            (lambda k: _formula((k,)), "that is what the average leaves. This neuron is a copy."),
        ),
    )


def _radius() -> Exercise:
    u = sqrt(0.5)

    def expected(r: float) -> float:
        # The loss is quadratic in a: its slope by a vanishes at the best one.
        at_0, at_1 = (gradient(Network([[r * u, r * u]], [a]), orthonormal_teacher(2)).outgoing[0] for a in (0.0, 1.0))
        return at_0 / (at_0 - at_1)

    return Exercise(
        arguments=("r",),
        inputs=lambda: [(r,) for r in (1 / sqrt(3), 0.1, 0.8, 1.0, 5.0)],
        expected=expected,
        answer=lambda r: 2 * interaction(r, 1, u) / interaction(r, r, 1),
        mistakes=(
            (lambda r: interaction(r, 1, u) / interaction(r, r, 1), "there are two teacher neurons to add up."),
            (lambda r: 2 * interaction(r, 1, 1) / interaction(r, r, 1), "w is at 45° to v₁: that u is not one."),
            (lambda r: 2 * interaction(r, 1, u) / interaction(r, r, u), "a neuron meets itself at u = 1."),
            (lambda r: 2 * interaction(r, 1, u) / interaction(1, 1, 1), "a neuron meets itself at r₁ = r₂ = r, not 1."),
            (lambda r: 2 * interaction(r, r, u) / interaction(r, r, 1), "a teacher neuron has length one, not r."),
            (lambda r: 2 * interaction(r, 1, u), "you have the numerator. Divide by the interaction with itself."),
            (lambda r: 2.0, "that is the weight at r = 1/√3. What is it at other lengths?"),
            (
                lambda r: interaction(r, r, 1) / 2 / interaction(r, 1, u),
                "numerator and denominator have changed places.",
            ),
        ),
    )


def _rotation() -> Exercise:
    def networks() -> tuple[Network, Network, np.ndarray]:
        rng = np.random.default_rng(6)
        q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
        return random_student(4, 4, rng), orthonormal_teacher(4), q

    def expected(before: Network, q: np.ndarray) -> Network:
        student, teacher, _ = networks()
        return gradient(*(Network(network.incoming @ q.T, network.outgoing) for network in (student, teacher)))

    def inputs() -> list[tuple]:
        student, teacher, q = networks()
        before = gradient(student, teacher)
        return [(before, q), (before, q[::-1]), (before, q @ q)]

    return Exercise(
        arguments=("gradient", "q"),
        inputs=inputs,
        expected=expected,
        answer=lambda before, q: Network(before.incoming @ q.T, before.outgoing),
        mistakes=(
            (lambda before, q: before, "that is the gradient before the turn. What happens to a vector ∂L/∂w?"),
            (
                lambda before, q: Network(before.incoming @ q, before.outgoing),
                "that turns the vectors back. They are the rows of incoming: Qw is row @ q.T.",
            ),
            (lambda before, q: Network(q @ before.incoming, before.outgoing), "that mixes neurons, not coordinates."),
            (
                lambda before, q: Network(before.incoming @ q.T, q @ before.outgoing),
                "the ∂L/∂a are numbers, not components of a vector in input space.",
            ),
        ),
    )


def _formula(sizes: Sequence[int | float], square: int = 2, inside: int = 2) -> float:
    """Return Σ m/3 − (2m²/π) arcsin(1/(2m)), with slips on request."""
    return sum(m / 3 - 2 * m**square / pi * asin(1 / (inside * m)) for m in sizes)


def _four() -> Exercise:
    return Exercise(
        arguments=("sizes",),
        inputs=lambda: [((1, 3),), ((2, 2),), ((1, 1),), ((4,),), ((1, 2, 3),), ((1, 1, 1, 5),)],
        expected=lambda sizes: loss(copy_average(sizes), orthonormal_teacher(sum(sizes))),
        answer=_formula,
        mistakes=(
            (lambda sizes: _formula(sizes) / 2, _NO_HALF),
            (lambda sizes: _formula((sum(sizes),)), "that is one average of all. Add up over the groups."),
            (lambda sizes: _formula(sizes[:1]), "that is the first group alone. Add up over the groups."),
            (lambda sizes: _formula(sizes[-1:]), "that is the last group alone. Add up over the groups."),
            (lambda sizes: _formula(sizes, square=1), "the m in front of the arcsine is squared."),
            (lambda sizes: _formula(sizes, inside=1), "the argument of the arcsine is 1/(2m)."),
            (
                lambda sizes: sum(m / 3 - 4 * m**2 / pi * asin(1 / (2 * m)) for m in sizes),
                "you left out the interaction of the student neurons with themselves.",
            ),
            (
                lambda sizes: sum(m / 3 + 2 * m**2 / pi * asin(1 / (2 * m)) for m in sizes),
                "the term between student and teacher is missing; it enters with −2.",
            ),
            (
                lambda sizes: sum(m / 3 - 2 * m**2 / pi * np.degrees(asin(1 / (2 * m))) for m in sizes),
                "the arcsine is in degrees, and should be in radians.",
            ),
        ),
    )


def _sign() -> Exercise:
    def expected(sizes: tuple[int, ...]) -> int:
        """Give every teacher neuron to a student neuron, in every way, and count those with these group sizes."""
        ways = product(range(len(sizes)), repeat=sum(sizes))
        fitting = (way for way in ways if sorted(Counter(way).values()) == sorted(sizes))
        return 2 ** len(sizes) * sum(1 for _ in fitting)

    def groupings(sizes: tuple[int, ...]) -> int:
        alike = prod(factorial(count) for count in Counter(sizes).values())
        return factorial(sum(sizes)) // prod(map(factorial, sizes)) // alike

    return Exercise(
        arguments=("sizes",),
        inputs=lambda: [((1, 1, 3),), ((2, 2),), ((1, 2),), ((1, 1, 1),), ((1, 1, 2, 2),), ((4,),)],
        expected=expected,
        answer=lambda sizes: groupings(sizes) * factorial(len(sizes)) * 2 ** len(sizes),
        mistakes=(
            (lambda sizes: groupings(sizes) * factorial(len(sizes)), "you did not count the signs."),
            (lambda sizes: groupings(sizes) * 2 ** len(sizes), "you did not count the orders of the neurons."),
            (groupings, "you counted the groupings only. There are signs and orders of neurons as well."),
            (lambda sizes: groupings(sizes) * factorial(len(sizes)) * 2, "every student neuron has a sign of its own."),
            (
                lambda sizes: (
                    factorial(sum(sizes)) // prod(map(factorial, sizes)) * factorial(len(sizes)) * 2 ** len(sizes)
                ),
                "groups of the same size are counted more than once: to exchange them is to exchange two neurons.",
            ),
        ),
    )


def _linear_only() -> Exercise:
    def expected(m: int, r: float) -> float:
        """The outgoing weight at which a copy beside the group feels no force; the force is linear in it."""
        group = np.array([0, *np.ones(m)]) / sqrt(m)
        force = [
            gradient(Network([np.eye(m + 1)[0], r * group], [1.0, a]), orthonormal_teacher(m + 1)).incoming[0] @ group
            for a in (0.0, 1.0)
        ]
        return force[0] / (force[0] - force[1])

    return Exercise(
        arguments=("m", "r"),
        inputs=lambda: [(3, 0.8), (3, 1 / sqrt(5)), (1, 1.0), (2, 0.3), (5, 2.0)],
        expected=expected,
        answer=lambda m, r: sqrt(m / 2) * sqrt(1 + r**2) / r,
        mistakes=(
            (lambda m, r: m, "that is right at the critical length r = 1/√(2m − 1) only."),
            (lambda m, r: sqrt(m) * sqrt(1 + r**2) / r, "the teacher neurons have a √(1 + 1) under them as well."),
            (lambda m, r: m / sqrt(2) * sqrt(1 + r**2) / r, "the sum of m orthonormal vectors has length √m, not m."),
            (lambda m, r: sqrt(1 / 2) * sqrt(1 + r**2) / r, "that is for one teacher neuron. Add up the group."),
            (lambda m, r: sqrt(m / 2) / r, "the factor √(1 + r²) of the student neuron is missing."),
            (lambda m, r: sqrt(m / 2) * sqrt(1 + r**2), "w has length r: divide by it."),
            (lambda m, r: sqrt(m / 2) * (1 + r**2) / r, "there is a square root over 1 + r²."),
        ),
    )


def _worst() -> Exercise:
    def expected(n: int, k: int) -> float:
        return max(loss(copy_average(partition), orthonormal_teacher(k)) for partition in partitions(k, n))

    def even(n: int, k: int) -> list[int]:
        small, large = k // n, k % n
        return [small + 1] * large + [small] * (n - large)

    return Exercise(
        arguments=("n", "k"),
        inputs=lambda: [(3, 5), (4, 8), (1, 4), (2, 7), (5, 5), (3, 10)],
        expected=expected,
        answer=lambda n, k: _formula(even(n, k)),
        mistakes=(
            (
                lambda n, k: _formula((k - n + 1,)),
                "that is the best grouping. What is the opposite of one large average?",
            ),
            (lambda n, k: _formula(even(n, k)) / 2, _NO_HALF),
            (
                lambda n, k: (k - n) * _formula((2,)),
                "averages of two are enough only while k ≤ 2n. How else can groups be as equal as possible?",
            ),
            (lambda n, k: n * _formula((k / n,)), "the right idea, but group sizes are whole numbers."),
            (lambda n, k: n * _formula((k // n,)), "k need not be divisible by n: some groups have one member more."),
        ),
    )


def _leftover() -> Exercise:
    def power(k: int) -> float:
        return k * interaction(1, 1, 1, "relu") + k * (k - 1) * interaction(1, 1, 0, "relu")

    def explained(k: int) -> float:
        return 2 * (k * interaction(1, 1, 1 / sqrt(k), "relu")) ** 2

    def expected(k: int) -> float:
        best, teacher = one_neuron(k, "relu"), orthonormal_teacher(k)
        student = Network(np.full((1, k), best.radius / sqrt(k)), [best.outgoing])
        silent = Network(np.zeros((1, k)), [0.0])
        return loss(student, teacher, "relu") / loss(silent, teacher, "relu")

    return Exercise(
        arguments=("k",),
        inputs=lambda: [(k,) for k in (2, 3, 10, 100, 300)],
        expected=expected,
        answer=lambda k: 1 - explained(k) / power(k),
        mistakes=(
            (lambda k: explained(k) / power(k), "that is the share the neuron explains. What is left?"),
            (lambda k: power(k) - explained(k), "that is the loss. Divide it by the power C of the teacher."),
            (lambda k: 1 - explained(k) / (k / 2), "C holds the interactions of different teacher neurons as well."),
            (lambda k: 1 - 1 / pi, "that is the limit of large k. What is it at this k?"),
            (lambda k: 1 - explained(k) / 2 / power(k), "at the best strength s the loss is C − s²/2, with s = 2k h."),
        ),
    )


def _silence() -> Exercise:
    def expected(k: int) -> float:
        return -float(np.linalg.eigvalsh(hessian(Network(np.zeros((1, k)), [0.0]), orthonormal_teacher(k)))[0])

    return Exercise(
        arguments=("k",),
        inputs=lambda: [(k,) for k in (1, 2, 3, 10, 50)],
        expected=expected,
        answer=lambda k: 2 * sqrt(2 * k) / pi,
        mistakes=(
            (lambda k: 2 * sqrt(2) * k / pi, "one neuron's a grows by its sum over the teacher, whose rate is √k."),
            (lambda k: 2 * sqrt(2) / pi, "that is one teacher neuron's pull. They all pull together."),
            (lambda k: sqrt(2 * k) / pi, "the loss has no factor ½, so its gradient has a factor 2."),
            (lambda k: 4 * sqrt(k) / pi, "a teacher neuron has length one: 1/√(1 + 1) enters with it."),
        ),
    )


def _merging() -> Exercise:
    def expected(t: float, start: float, c: float) -> float:
        if t == 0:
            return start
        return float(
            solve_ivp(lambda _, y: -4 * c * y**3, (0, t), [start], method="Radau", rtol=1e-9, atol=1e-12).y[0, -1]
        )

    return Exercise(
        arguments=("t", "start", "c"),
        inputs=lambda: [(0.0, 0.5, 1.0), (1.0, 0.5, 1.0), (10.0, 0.2, 3.0), (1000.0, 1.0, 0.1)],
        expected=expected,
        answer=lambda t, start, c: start / sqrt(1 + 8 * c * start**2 * t),
        mistakes=(
            (lambda t, start, c: start / sqrt(1 + 2 * c * start**2 * t), "the slope of ε⁴ is 4ε³."),
            (lambda t, start, c: start / sqrt(1 + 4 * c * start**2 * t), "d(ε⁻²)/dt = −2ε⁻³ dε/dt: a factor 2."),
            (lambda t, start, c: start * np.exp(-4 * c * t), "the force is cubic in ε, not linear: slower than that."),
            (lambda t, start, c: (8 * c * t) ** -0.5 if t else start, "that is late; where does it start?"),
        ),
        tolerance=1e-5,
    )


def _relu_h(u: float) -> float:
    return float(interaction(1, 1, u, "relu"))


def _too_weak() -> Exercise:
    def expected(n: int, k: int) -> float:
        best = one_neuron(k - n + 1, "relu")
        return k - (n - 1) - best.radius * best.outgoing

    def alone(n: int, k: int) -> float:
        m = k - n + 1
        return 2 * m * _relu_h(1 / sqrt(m))

    return Exercise(
        arguments=("n", "k"),
        inputs=lambda: [(2, 3), (5, 10), (1, 4), (9, 10), (50, 100), (3, 3)],
        expected=expected,
        answer=lambda n, k: k - n + 1 - alone(n, k),
        mistakes=(
            (lambda n, k: n - 1 + alone(n, k), "that is s. How much is missing to k?"),
            (lambda n, k: k - alone(n, k), "you forgot the copies, of strength 1 each."),
            (lambda n, k: k - n - alone(n, k), "there are n − 1 copies, not n."),
            (lambda n, k: k - n + 1 - alone(n, k) / 2, "the best strength is twice the sum of the interactions."),
            (
                lambda n, k: k - n + 1 - sqrt(k - n + 1),
                "√m is what the linear part asks for. Which strength is best for the loss of the average alone?",
            ),
            (lambda n, k: (1 - 1 / pi) * (k - n + 1), "that is the limit of a large average. What is it at this m?"),
        ),
    )


def _constant() -> Exercise:
    def expected(n: int) -> float:
        """By the best outgoing weights for the corners themselves, which are least squares."""
        corners = np.eye(n) - 1 / n
        corners /= np.linalg.norm(corners, axis=1)[:, None]
        pairs = np.asarray(interaction(1, 1, np.clip(corners @ corners.T, -1, 1), "relu"))
        means = np.full(n, 1 / sqrt(2 * pi))
        return 1 - float(means @ np.linalg.solve(pairs, means))

    def power(n: int, u: float) -> float:
        return (_relu_h(1) + (n - 1) * _relu_h(u)) / n

    return Exercise(
        arguments=("n",),
        inputs=lambda: [(n,) for n in (2, 3, 5, 10, 100)],
        expected=expected,
        answer=lambda n: 1 - _relu_h(0) / power(n, -1 / (n - 1)),
        mistakes=(
            (lambda n: _relu_h(0) / power(n, -1 / (n - 1)), "that is the share they explain. What is left?"),
            (
                lambda n: _relu_h(0) - _relu_h(0) ** 2 / power(n, -1 / (n - 1)),
                "that is cₙ. The power of the constant, in the same unit, is h₀.",
            ),
            (lambda n: 1 - _relu_h(0) / power(n, 0), "the corners of a simplex are not orthogonal: u = −1/(n − 1)."),
            (lambda n: 1 - _relu_h(0) / power(n, -1 / n), "two corners of n have the correlation −1/(n − 1)."),
            (lambda n: 1 - 2 * _relu_h(0), "that is one neuron alone."),
        ),
    )


def _leaky_average() -> Exercise:
    def expected(k: int, kappa: float) -> float:
        # The loss is quadratic in a: its slope by a vanishes at the best one.
        w, teacher, sigma = np.full((1, k), 1 / sqrt(k)), orthonormal_teacher(k), leaky_relu(kappa)
        at_0, at_1 = (gradient(Network(w, [a]), teacher, sigma).outgoing[0] for a in (0.0, 1.0))
        return at_0 / (at_0 - at_1)

    def cross(k: int, kappa: float) -> float:
        return (1 - kappa) ** 2 * _relu_h(1 / sqrt(k)) + kappa / sqrt(k)

    return Exercise(
        arguments=("k", "kappa"),
        inputs=lambda: [(2, 0.0), (2, 0.1), (5, 0.3), (10, 0.5), (3, 0.9), (4, 1.0)],
        expected=expected,
        answer=lambda k, kappa: 2 * k * cross(k, kappa) / (1 + kappa**2),
        mistakes=(
            (lambda k, kappa: 2 * k * _relu_h(1 / sqrt(k)), "that is ReLU's. What leaks is missing."),
            (lambda k, kappa: 2 * k * cross(k, kappa), "a leaky neuron with itself has (1 + κ²)/2, not ½."),
            (lambda k, kappa: k * cross(k, kappa) / (1 + kappa**2), "a neuron with itself has (1 + κ²)/2: a factor 2."),
            (lambda k, kappa: 2 * cross(k, kappa) / (1 + kappa**2), "there are k teacher neurons to add up."),
            (
                lambda k, kappa: (
                    2 * k * ((1 - kappa) ** 2 * _relu_h(1 / sqrt(k)) + kappa**2 / sqrt(k)) / (1 + kappa**2)
                ),
                "the mixed terms κ(1 − κ) E[x max(y, 0)] are missing.",
            ),
            (lambda k, kappa: sqrt(k), "that is the limit κ → 1, in which only the linear part counts."),
        ),
    )


EXERCISES = {
    "ex-one-copy": _one_copy(),
    "ex-radius": _radius(),
    "ex-rotation": _rotation(),
    "ex-four": _four(),
    "ex-sign": _sign(),
    "ex-linear-only": _linear_only(),
    "ex-worst": _worst(),
    "ex-leftover": _leftover(),
    "ex-silence": _silence(),
    "ex-merging": _merging(),
    "ex-too-weak": _too_weak(),
    "ex-constant": _constant(),
    "ex-leaky-average": _leaky_average(),
}

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import copyavg as ca
from copyavg.activations.base import Activation
from copyavg.classification.result import LABELS, ROLES
from copyavg.points.configurations import copy_average_parameters, n_copy_parameters, partitions
from copyavg.points.family import copy_average_family, n_copy_family


def shuffled(student, k, rng, activation="erf", noise=0.0):
    """The same student and teacher in another guise, and the new places of the student's and teacher's neurons."""
    n, d = student.n, student.d
    students, teachers = rng.permutation(n), rng.permutation(k)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    w, a = student.incoming @ rotation, student.outgoing
    if activation in ("erf", "tanh"):
        sign = rng.choice([-1, 1], size=n)
        w, a = sign[:, None] * w, sign * a
    if activation == "relu":
        gauge = np.exp(rng.normal(size=n))
        w, a = gauge[:, None] * w, a / gauge
    w = w + noise * np.linalg.norm(w, axis=1)[:, None] * rng.uniform(-1, 1, w.shape)
    a = a * (1 + noise * rng.uniform(-1, 1, n))
    teacher = ca.Network(rotation[:k][teachers], np.ones(k))
    return ca.Network(w[students], a[students]), teacher, students, np.argsort(teachers)


def check(point, k, groups, rng, *, label, activation="erf", noise=0.0):
    student, teacher, students, place = shuffled(point, k, rng, activation, noise)
    found = ca.classify(student, teacher, activation)
    assert found.label == label
    assert found.partition == tuple(sorted(map(len, groups)))
    assert found.groups == tuple(tuple(sorted(place[list(groups[i])].tolist())) for i in students)
    assert found.roles == tuple("copy" if len(groups[i]) == 1 else "average" for i in students)
    assert found.residual <= 1e-9 + 4 * np.sqrt(student.d) * noise
    assert found.residual >= noise / 10
    assert found.residuals[label] == found.residual
    assert found.reduced_to is None
    return found


@pytest.mark.parametrize("noise", [0, 1e-8, 1e-6, 1e-4])
@pytest.mark.parametrize("k", range(1, 9))
def test_every_copy_average_point_is_recognised(k, noise, rng):
    for n in range(1, k + 1):
        for partition in partitions(k, n):
            groups = np.split(np.arange(k), np.cumsum(partition)[:-1])
            check(ca.copy_average(partition, d=k + 2), k, groups, rng, label="copy-average", noise=noise)


@pytest.mark.parametrize("noise", [0, 1e-8, 1e-6, 1e-4])
@pytest.mark.parametrize(
    ("n", "k"), [(2, 3), (3, 4), (2, 6), (5, 10), (8, 10), (9, 10), (4, 20), (15, 20), (19, 20), (50, 100), (99, 100)]
)
def test_n_copy_points_are_recognised(n, k, noise, rng):
    point = ca.n_copy(n, k, d=k + 1)
    check(point, k, [(i,) for i in range(n)], rng, label="n-copy", noise=noise)


def test_two_points_of_nearly_the_same_loss_are_told_apart(rng):
    average, alike = ca.optimal_copy_average(15, 20, d=21), ca.n_copy(15, 20, d=21)
    teacher = ca.orthonormal_teacher(20, 21)
    assert abs(ca.loss(average, teacher) - ca.loss(alike, teacher)) < 1.1e-5
    for point, label, other in [(average, "copy-average", "n-copy"), (alike, "n-copy", "copy-average")]:
        found = ca.classify(point, teacher)
        assert found.label == label
        assert found.residual < 1e-12
        assert found.residuals.get(other, np.inf) > 0.5


# Of displaced points only the symmetry is asked for, so that four digits will do where quadrature takes seconds.
AVERAGE = {
    ("softplus", 2, 4): [1.0053, 0.0046, 0.9951, -0.0003, 0.2981, 3.3375],
    ("softplus", 5, 10): [1.0018, 0.0009, 0.0024, 0.9988, -0.0005, 0.145, 6.8281],
    ("tanh", 2, 6): [1.0, -0.0001, 1.0, 0.0, 0.1201, 5.3863],
}
ALIKE = {
    ("softplus", 2, 4): [0.5538, -0.0929, 0.2304, 2.1687],
    ("softplus", 5, 10): [0.6098, -0.0372, 0.0922, 2.1692],
    ("tanh", 2, 6): [0.2989, -0.0824, 0.1064, 3.188],
}


def displaced_average(activation, n, k, d=None):
    x = np.array(AVERAGE.get((activation, n, k)) or copy_average_parameters(n, k, activation))
    return copy_average_family(n, k, activation).student(x, d)


def alike(activation, n, k, d=None):
    x = np.array(ALIKE.get((activation, n, k)) or n_copy_parameters(n, k, activation))
    return n_copy_family(n, k, activation).student(x, d)


@pytest.mark.parametrize(
    ("activation", "n", "k"),
    [("relu", 2, 3), ("relu", 2, 10), ("relu", 5, 10), ("relu", 9, 10), ("relu", 15, 20), *AVERAGE],
)
@pytest.mark.parametrize("noise", [0, 1e-5])
def test_displaced_points_are_recognised(activation, n, k, noise, rng):
    groups = [*([i] for i in range(n - 1)), range(n - 1, k)]
    point = displaced_average(activation, n, k, k + 1)
    check(point, k, groups, rng, label="copy-average", activation=activation, noise=noise)
    point = alike(activation, n, k, k + 1)
    check(point, k, [(i,) for i in range(n)], rng, label="n-copy", activation=activation, noise=noise)


@pytest.mark.parametrize("activation", ["erf", "relu", "softplus", "gelu"])
def test_the_teacher_itself_is_all_copies(activation, rng):
    check(ca.orthonormal_teacher(4, 5), 4, [(i,) for i in range(4)], rng, label="copy-average", activation=activation)
    louder = ca.Network(np.eye(4), np.full(4, 1.1))
    assert ca.classify(louder, ca.orthonormal_teacher(4), activation).label == "other"


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_one_neuron_averages(activation, rng):
    point = ca.Network(np.full((1, 3), 0.4), [3.3])
    check(point, 3, [(0, 1, 2)], rng, label="copy-average", activation=activation)
    opposite = ca.Network(-point.incoming, point.outgoing)
    assert ca.classify(opposite, ca.orthonormal_teacher(3), activation).label == "other"


def test_minima_have_the_loss_of_their_label(rng):
    """Found by descent from random starts, which knows nothing of configurations."""
    n, k = 5, 6
    teacher = ca.orthonormal_teacher(k)
    known = {"copy-average": ca.copy_average_loss((1, 1, 1, 1, 2)), "n-copy": float(ca.loss(ca.n_copy(n, k), teacher))}

    def network(x):
        return ca.Network(x[: n * k].reshape(n, k), x[n * k :])

    def slope(x):
        g = ca.gradient(network(x), teacher)
        return np.concatenate([g.incoming.ravel(), g.outgoing])

    labels = set()
    for _ in range(8):
        start = ca.random_student(n, k, rng)
        x = np.concatenate([start.incoming.ravel(), start.outgoing])
        x = minimize(lambda x: float(ca.loss(network(x), teacher)), x, jac=slope, options={"gtol": 1e-8}).x
        found = ca.classify(network(x), teacher)
        assert found.label in known
        assert float(ca.loss(network(x), teacher)) == pytest.approx(known[found.label], abs=1e-8)
        labels.add(found.label)
    assert labels == set(known)


def tampered(point, place, factor):
    w, a = point.incoming.copy(), point.outgoing.copy()
    if len(place) == 2:
        w[place] *= factor
    else:
        a[place] *= factor
    return ca.Network(w, a)


@pytest.mark.parametrize(
    ("activation", "family", "place"),
    [
        ("erf", "average", (0, 0)), ("erf", "average", (4,)), ("erf", "average", (4, 6)), ("erf", "alike", (2,)),
        ("erf", "alike", (2, 2)), ("erf", "alike", (3, 7)), ("softplus", "average", (0, 0)),
        ("softplus", "average", (4, 5)), ("softplus", "average", (1,)), ("relu", "alike", (3, 6)),
    ],
)  # fmt: skip
def test_one_weight_that_differs_is_another_configuration(activation, family, place):
    n, k = 5, 10
    point = (displaced_average if family == "average" else alike)(activation, n, k)
    teacher = ca.orthonormal_teacher(k)
    label = ca.classify(point, teacher, activation).label
    assert label != "other"
    assert ca.classify(tampered(point, place, 1.002), teacher, activation).label == label
    found = ca.classify(tampered(point, place, 1.3), teacher, activation)
    assert found.label == "other"
    assert found.residual > 0.01
    assert ca.classify(tampered(point, place, 1.002), teacher, activation, tolerance=1e-5).label == "other"


@pytest.mark.parametrize("beyond", [0.005, 0.2])
def test_weights_beyond_the_teacher_count(beyond):
    point = ca.copy_average((1, 1, 2), d=5)
    tilted = point.incoming + beyond * np.eye(5)[4] * (np.arange(3) == 1)[:, None]
    found = ca.classify(ca.Network(tilted, point.outgoing), ca.orthonormal_teacher(4, 5))
    assert found.label == ("copy-average" if beyond < 0.01 else "other")
    assert found.residual == pytest.approx(beyond, rel=0.05)


def test_symmetry_alone_is_not_enough():
    """Neurons that single nobody out, are silent or negative, or leave their group to others."""
    teacher = ca.orthonormal_teacher(5)
    n_copies, average = n_copy_family(3, 5, "softplus"), copy_average_family(3, 5, "softplus")
    for family, x in [
        (n_copies, [0.9, 0.88, 0.1, 1.0]), (n_copies, [0.8, 0.1, 0.78, 1.0]), (n_copies, [0.8, 0.1, 0.1, -1.0]),
        (average, [1, 0, 0.1, 1, 0, -0.2, 3]), (average, [1, 0, 0.1, 1, 0, 0.105, 3]),
        (average, [1, 0, 0, 1, 0, 0.4, -3]), (average, [1, 0, 0, 1, 0.5, 0.4, 3]),
    ]:  # fmt: skip
        found = ca.classify(family.student(np.array(x, dtype=float)), teacher, "softplus")
        assert found.label == "other", x
    good = average.student(np.array([1, 0, 0, 1, 0, 0.4, 3.0]))
    assert ca.classify(good, teacher, "softplus").partition == (1, 1, 3)


def with_neuron(point, w, a):
    return ca.Network(np.vstack([point.incoming, w]), np.append(point.outgoing, a))


def split(point, i, share, tilt=0.0, sign=1):
    """Two neurons for neuron i, with a share of its outgoing weight each."""
    w, a = point.incoming.copy(), point.outgoing.copy()
    turn = np.linalg.norm(w[i]) * tilt * np.eye(point.d)[-1]
    more, more_a = sign * (w[i] + share * turn), sign * (1 - share) * a[i]
    w[i] -= (1 - share) * turn
    a[i] *= share
    return with_neuron(ca.Network(w, a), more, more_a)


@pytest.mark.parametrize("share", [0.9, 0.3])
@pytest.mark.parametrize("tilt", [0, 1e-3, 0.05])
@pytest.mark.parametrize("kind", ["copy-average", "n-copy"])
def test_merged_neurons_count_once(kind, tilt, share, rng):
    small = ca.copy_average((1, 1, 1, 4), d=8) if kind == "copy-average" else ca.n_copy(4, 7, d=8)
    for i, sign in [(0, 1), (3, -1)]:
        student, teacher, students, place = shuffled(split(small, i, share, tilt, sign), 7, rng)
        found = ca.classify(student, teacher)
        assert found.label == "reduced"
        assert found.reduced_to == kind
        assert found.partition == ((1, 1, 1, 4) if kind == "copy-average" else (1, 1, 1, 1))
        assert found.residual < 1e-12 + tilt**2
        roles = dict(zip(students.tolist(), found.roles))
        assert [j for j in range(5) if roles[j] == "merged"] == [i, 4]
        groups = dict(zip(students.tolist(), found.groups))
        assert groups[i] == groups[4]
        assert place[i] in groups[i]
        assert "5 neurons (2 merged) do the work of 4" in found.explain()


def test_neurons_merge_by_their_weights_not_their_direction_alone():
    """For erf a parallel neuron of another length is another function; with the gauge of ReLU it is the same."""
    teacher = ca.orthonormal_teacher(3)
    twice = ca.Network([[1, 0, 0], [2, 0, 0], [0, 0.408248290463863, 0.408248290463863]], [0.5, 0.25, 2])
    assert ca.classify(twice, teacher).label == "other"
    point = ca.n_copy(2, 3, "relu")
    w, a = point.incoming, point.outgoing
    parallel = ca.Network(np.vstack([w, 2 * w[0]]), [a[0] / 2, a[1], a[0] / 4])
    found = ca.classify(parallel, teacher, "relu")
    assert (found.label, found.reduced_to, found.roles) == ("reduced", "n-copy", ("merged", "copy", "merged"))
    assert found.residual < 1e-12


@pytest.mark.parametrize(("turn", "label"), [(0.0, "reduced"), (1e-3, "reduced"), (0.1, "other")])
def test_a_relu_neuron_that_takes_away_from_a_parallel_one_is_merged_with_it(turn, label):
    point, teacher = ca.n_copy(2, 4, "relu", d=5), ca.orthonormal_teacher(4, 5)
    w, a = point.incoming, point.outgoing
    against = 0.5 * w[0] + turn * np.linalg.norm(w[0]) * np.eye(5)[4]
    student = ca.Network(np.stack([w[0], against, w[1]]), [1.2 * a[0], -0.4 * a[0], a[1]])
    found = ca.classify(student, teacher, "relu")
    assert found.label == label
    assert label == "other" or found.roles == ("merged", "merged", "copy")


def test_three_neurons_may_merge_and_a_student_may_be_larger_than_its_teacher():
    point = split(split(ca.orthonormal_teacher(3, 4), 1, 0.4), 1, 0.5)
    found = ca.classify(point, ca.orthonormal_teacher(3, 4))
    assert (found.label, found.partition) == ("reduced", (1, 1, 1))
    assert found.roles == ("copy", "merged", "copy", "merged", "merged")
    assert found.groups == ((0,), (1,), (2,), (1,), (1,))


def test_equal_neurons_of_opposite_signs_are_not_merged():
    student = with_neuron(with_neuron(ca.copy_average((1, 1, 2)), np.eye(4)[0], 5.0), np.eye(4)[0], -5.0)
    assert ca.classify(student, ca.orthonormal_teacher(4)).label == "other"


@pytest.mark.parametrize(
    ("activation", "w", "a", "idle"),
    [
        ("erf", 1.0, 0.0, True), ("erf", 0.0, 2.0, True), ("erf", 0.3, 1e-3, True), ("erf", 0.3, 0.2, False),
        ("relu", 0.0, 1.0, True), ("relu", 2.0, 0.0, True), ("relu", 1e3, 1e-7, True), ("relu", 1e-3, 300.0, False),
        ("softplus", 1.0, 0.0, True), ("softplus", 0.0, 1.0, False),
    ],
)  # fmt: skip
def test_idle_neurons_do_not_count(activation, w, a, idle):
    point = with_neuron(alike(activation, 5, 10, 11), w * np.eye(11)[10], a)
    found = ca.classify(point, ca.orthonormal_teacher(10, 11), activation)
    assert (found.label == "reduced") == idle
    assert ("idle" in found.roles) == idle
    if idle:
        assert (found.reduced_to, found.partition, found.groups[5]) == ("n-copy", (1,) * 5, ())
        assert found.roles == ("copy",) * 5 + ("idle",)
        assert "(1 idle)" in found.explain()


def test_idle_neurons_beside_a_fit_and_nothing_but_idle_neurons():
    """A neuron without effect is idle even where the symmetry would hold with it; a zero student is nothing."""
    teacher = ca.orthonormal_teacher(3)
    family = copy_average_family(2, 3, "softplus")
    silent = family.student(np.array([1, 0, 1, 0, 0.4, 1e-9]))
    assert ca.classify(silent, teacher, "softplus").label == "other"
    found = ca.classify(ca.Network(np.zeros((2, 3)), np.zeros(2)), teacher)
    assert (found.label, found.roles) == ("other", ("idle", "idle"))
    assert found.groups == ((), ())
    assert found.residual == np.inf


@pytest.mark.parametrize("activation", ["erf", "softplus"])
def test_a_dipole_is_no_configuration(activation, rng):
    """As gradient flow leaves them: 7 copies, and two neurons of weights about ±105 that copy one more together."""
    point = ca.n_copy(8, 10, d=11)  # for softplus the weights of a dipole are as good
    w, a = point.incoming, point.outgoing
    bent = 0.005 * rng.normal(size=11)
    pair = np.stack([w[0] + bent, w[0] - bent])
    student = ca.Network(np.vstack([w[1:], pair]), [*a[1:], 106.0, -105.0])
    if activation == "erf":
        student = ca.Network(np.vstack([w[1:], pair[0], -pair[1]]), [*a[1:], 106.0, 105.0])
    found = ca.classify(student, ca.orthonormal_teacher(10, 11), activation)
    assert found.label == "other"
    assert found.roles == ("copy",) * 7 + ("dipole",) * 2
    assert found.groups[7] == found.groups[8] == (0,)
    assert found.explain() == (
        "other: a dipole, two nearly parallel neurons whose effects nearly cancel, beside 7 copies"
    )


def test_neurons_that_oppose_each_other_are_no_dipole_unless_sigma_is_odd():
    teacher = ca.orthonormal_teacher(4)
    student = ca.Network([[1, 0.5, 0, 0], [-1, -0.501, 0, 0], [0, 0, 1, 0]], [3.0, 2.9, 1.0])
    found = ca.classify(student, teacher, "erf")
    assert found.roles == ("dipole", "dipole", "copy")
    assert found.explain().endswith("cancel, beside a copy")
    two = ca.classify(ca.Network(np.tile(student.incoming[:2], (2, 1)) * [[1], [1], [2], [2]], [3, 2.9, 9, 9]), teacher)
    assert two.explain() == "other: 2 dipoles, nearly parallel pairs whose effects nearly cancel"
    assert "dipole" not in ca.classify(student, teacher, "softplus").roles
    weak = ca.Network(student.incoming, [3.0, 1.0, 1.0])  # they do not nearly cancel
    assert "dipole" not in ca.classify(weak, teacher).roles


@pytest.mark.parametrize("activation", ["erf", "relu", "softplus"])
def test_random_students_are_other(activation, rng):
    students = ca.random_student(4, 7, rng, batch=100)
    found = ca.classify(students, ca.orthonormal_teacher(6, 7), activation)
    assert set(found.label.tolist()) == {"other"}
    assert found.residual.min() > 0.1
    assert set(found.partition.tolist()) == {()}
    assert {role for record in found for role in record.roles} <= set(ROLES)
    assert ROLES == ("copy", "average", "merged", "idle", "dipole", "mixed", "anti-copy")
    assert "mixed" in found[0].roles + found[1].roles + found[2].roles


def test_neurons_of_another_student_are_described_one_by_one():
    student = ca.Network([[1, 0.1, 0, 0], [0, 0, 0.5, 0.52], [0.4, 0.1, 0.3, 0.2]], [1.0, 2.0, 1.0])
    found = ca.classify(student, ca.orthonormal_teacher(4))
    assert (found.label, found.roles) == ("other", ("copy", "average", "mixed"))
    assert found.groups == ((0,), (2, 3), ())
    assert found.explain() == (
        "other: no configuration that has a name; of its neurons, one by one: a copy, an average, 1 mixed"
    )


def with_turned(turned, k=5):
    w = np.eye(k, k + 1) + 0.05
    w[:turned] *= -1
    return ca.Network(w, np.ones(k))


@pytest.mark.parametrize("turned", [0, 1, 3])
@pytest.mark.parametrize("gauge", [1e-4, 1.0, 1e4])
def test_anti_copies_point_away_from_a_teacher_neuron(turned, gauge):
    student, teacher = with_turned(turned), ca.orthonormal_teacher(5, 6)
    found = ca.classify(ca.Network(gauge * student.incoming, student.outgoing / gauge), teacher, "relu")
    assert found.label == "other"
    assert found.anti_copies == turned
    assert found.roles == ("anti-copy",) * turned + ("copy",) * (5 - turned)
    assert found.groups == tuple((j,) for j in range(5))
    assert ca.classify(student, teacher, "erf").anti_copies == 0
    assert ("3 anti-copies" in found.explain()) == (turned == 3)
    assert ("an anti-copy," in found.explain()) == (turned == 1)


def test_what_points_away_is_no_anti_copy_if_negative_or_not_from_one_neuron():
    w = np.array([[-1, 0.1, 0, 0, 0], [0, -1, -1, 0, 0], [0, 0, 0, -1, 1.1], [0, 0, 0.8, -1, 0]])
    teacher = ca.orthonormal_teacher(4, 5)
    assert ca.classify(ca.Network(w, np.ones(4)), teacher, "relu").roles == ("anti-copy", "mixed", "mixed", "anti-copy")
    assert ca.classify(ca.Network(w, [-1.0, 1, 1, 1]), teacher, "relu").anti_copies == 1
    takes_away = ca.Network(np.eye(2, 5), [1.0, -0.9])  # along a teacher neuron, with a < 0
    assert ca.classify(takes_away, teacher, "relu").roles == ("copy", "mixed")


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(
    ("row", "role"),
    [
        ([1, 0.49, 0, 0], "copy"), ([1, 0.51, 0, 0], "mixed"),  # along another teacher neuron
        ([1, -0.9, 0, 0], "copy"), ([1, -1.1, 0, 0], "anti-copy"),  # and away from it
        ([1, 0, 0, 0.99], "copy"), ([1, 0, 0, 1.01], "mixed"),  # along none
    ],
)  # fmt: skip
def test_the_measure_of_an_anti_copy_is_that_of_a_copy(row, role, size):
    teacher, w = ca.orthonormal_teacher(3, 4), size * np.array([row])
    assert ca.classify(ca.Network(w, [2 / size]), teacher, "relu").roles == (role,)
    turned = {"copy": "anti-copy", "anti-copy": "copy", "mixed": "mixed"}[role]
    assert ca.classify(ca.Network(-w, [2 / size]), teacher, "relu").roles == (turned,)


def test_where_the_sign_is_a_symmetry_there_are_no_anti_copies():
    student, teacher = with_turned(2), ca.orthonormal_teacher(5, 6)
    for odd in ("erf", "tanh", Activation("sine", np.sin), ca.leaky_relu(1.0)):
        assert ca.classify(student, teacher, odd).anti_copies == 0
    for even in (Activation("cosine", np.cos), ca.leaky_relu(-1.0)):
        assert ca.classify(student, teacher, even).anti_copies == 0
    for neither in ("relu", "softplus", "gelu", "silu", "sigmoid", ca.leaky_relu(0.5)):
        assert ca.classify(student, teacher, neither).anti_copies == 2


def test_other_roles_come_before_that_of_an_anti_copy():
    """Of neurons that are idle, merged or a dipole, and of those of a student that has a configuration.

    In ReLU's copy-average point of (2, 40) the average points away from the teacher neuron that the other one copies.
    """
    teacher, away = ca.orthonormal_teacher(3, 4), -np.eye(3, 4)
    idle = ca.Network([away[0], away[1], -away[2]], [1.0, 1e-4, 1.0])
    assert ca.classify(idle, teacher, "relu").roles == ("anti-copy", "idle", "copy")
    merged = ca.Network([away[0], away[0], -away[2]], [1.0, 0.5, 1.0])
    assert ca.classify(merged, teacher, "relu").roles == ("merged", "merged", "copy")
    dipole = ca.Network([away[0], away[0] + [0, 0, 0, 0.1], -away[2]], [9.0, -8.9, 1.0])
    assert ca.classify(dipole, teacher, "relu").roles == ("dipole", "dipole", "copy")
    for point in (ca.n_copy(2, 40, "relu"), displaced_average("relu", 2, 40)):
        found = ca.classify(point, ca.orthonormal_teacher(40), "relu")
        assert (found.label in LABELS[:2], found.anti_copies) == (True, 0)
    assert point.incoming[1, 0] < -0.8 * np.linalg.norm(point.incoming[1])
    assert found.roles == ("copy", "average")


def test_the_minimum_beside_the_teacher_has_one_anti_copy():
    """At n = k = 6 with ReLU, by descent from a teacher with one neuron turned; at k = 5 descent turns it back."""
    for k, count in ((5, 0), (6, 1)):
        teacher = ca.orthonormal_teacher(k)
        turned = ca.Network(teacher.incoming * np.where(np.arange(k) == 0, -1, 1)[:, None], teacher.outgoing)
        found = ca.classify(ca.gradient_flow(turned, teacher, "relu").limit, teacher, "relu")
        assert (found.anti_copies, found.roles.count("copy")) == (count, k - count)


def test_anti_copies_of_a_batch():
    students = [with_turned(turned) for turned in (0, 1, 2, 5)]
    w, a = (np.stack([getattr(s, name) for s in students]) for name in ("incoming", "outgoing"))
    batch, teacher = ca.Network(w.reshape(2, 2, 5, 6), a.reshape(2, 2, 5)), ca.orthonormal_teacher(5, 6)
    found = ca.classify(batch, teacher, "relu").anti_copies
    assert found.tolist() == [[0, 1], [2, 5]]
    assert found.dtype.kind == "i"
    assert ca.classify(batch, teacher).anti_copies.tolist() == [[0, 0], [0, 0]]


def test_neurons_merge_through_others():
    """The first and the last of a fan are too far apart to merge, were it not for those in between."""
    base = ca.copy_average((1, 2), d=6)
    fan = [base.incoming[0] + tilt * np.eye(6)[5] for tilt in (-0.24, -0.08, 0.08, 0.24)]
    student = ca.Network(np.vstack([fan[0], base.incoming[1], fan[3], fan[1:3]]), [0.25, 2, 0.25, 0.25, 0.25])
    found = ca.classify(student, ca.orthonormal_teacher(3, 6))
    assert (found.label, found.partition) == ("reduced", (1, 2))
    assert found.roles == ("merged", "average", "merged", "merged", "merged")


def test_words():
    teacher = ca.orthonormal_teacher(9)
    found = ca.classify(ca.copy_average((1, 1, 2, 2, 3)), teacher)
    assert found.explain() == "copy-average: 2 copies, 2 averages of 2 and an average of 3"
    assert str(found) == found.explain()
    assert "residual" not in repr(found)  # whose digits differ from one processor to the next
    assert ca.classify(ca.copy_average((9,)), teacher).explain() == "copy-average: an average of 9"
    louder = ca.Network(np.eye(9)[:1] + 0.1, [1.0])
    found = ca.classify(louder, teacher)
    assert str(found) == found.explain()
    assert "(nearest: copy-average, off by " in found.explain()


def test_a_batch_is_its_students(rng):
    d, teacher = 7, ca.orthonormal_teacher(6, 7)
    students = [ca.optimal_copy_average(4, 6, d), ca.n_copy(4, 6, d=d), split(ca.copy_average((1, 1, 4), d), 0, 0.5)]
    students += [ca.random_student(4, d, rng) for _ in range(3)]
    incoming, outgoing = (np.stack([getattr(s, name) for s in students]) for name in ("incoming", "outgoing"))
    batch = ca.Network(incoming.reshape(2, 3, 4, d), outgoing.reshape(2, 3, 4))
    found, one_by_one = ca.classify(batch, teacher), [ca.classify(s, teacher) for s in students]
    assert found.records.ravel().tolist() == one_by_one
    assert [record.label for record in one_by_one[:4]] == list(LABELS)
    assert found.label.tolist() == [list(LABELS[:3]), ["other"] * 3]
    assert found.label.dtype.kind == "U"
    assert found.partition[0].tolist() == [(1, 1, 1, 3), (1, 1, 1, 1), (1, 1, 4)]
    assert found.residual.shape == (2, 3)
    assert found[0, 1] == one_by_one[1]
    assert found[0].label.tolist() == list(LABELS[:3])
    assert [len(found), len(found[0]), [row.records.tolist() for row in found][1]] == [2, 3, one_by_one[3:]]
    assert str(found) == "6 students: 1 copy-average, 1 n-copy, 1 reduced, 3 other"
    empty = ca.classify(ca.Network(incoming[:0], outgoing[:0]), teacher)
    assert (len(empty), empty.label.shape, empty.residual.shape, str(empty)) == (0, (0,), (0,), "0 students")


def test_torch_and_float32(rng):
    point, teacher = ca.n_copy(3, 5), ca.orthonormal_teacher(5)
    for dtype in (torch.float32, torch.float64):
        student, of = (
            ca.Network(torch.asarray(x.incoming, dtype=dtype), torch.asarray(x.outgoing, dtype=dtype))
            for x in (point, teacher)
        )
        student.incoming.requires_grad_()
        assert ca.classify(student, of).label == "n-copy"


def test_an_activation_of_ones_own():
    sine = Activation("sine", np.sin)
    student = ca.Network([[-0.9, 0, 0], [0, 0.4, 0.4]], [-1.0, 1.7])
    assert ca.classify(student, ca.orthonormal_teacher(3), sine).partition == (1, 2)
    assert ca.classify(student, ca.orthonormal_teacher(3), Activation("", np.exp)).label == "other"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: (x > 0) * 1, TypeError, r"own: σ must map .* it returned shape \(1[13],\) of int64"),
        (lambda x: x + 0j, TypeError, r"it returned shape \(1[13],\) of complex128"),
        (lambda x: x.tolist(), TypeError, "it returned a list"),
        (lambda x: x.sum(), TypeError, "it returned a float64"),
        (lambda x: x[:3], TypeError, r"it returned shape \(3,\) of float64"),
        (lambda _: None, TypeError, "it returned a NoneType"),
        (math.erf, TypeError, r"given shape \(1[13],\) it raised"),
        (np.sqrt, ValueError, "own: σ is not a number at -0.1"),
    ],
)
def test_activations_that_are_none(function, error, message):
    with pytest.raises(error, match=message):
        ca.classify(ca.copy_average((1, 2)), ca.orthonormal_teacher(3), Activation("own", function))


def test_an_activation_for_tensors_alone_is_given_tensors():
    found = ca.classify(ca.copy_average((1, 2)), ca.orthonormal_teacher(3), Activation("sine", torch.sin))
    assert found == ca.classify(ca.copy_average((1, 2)), ca.orthonormal_teacher(3), Activation("sine", np.sin))


def test_an_activation_may_write_on_what_it_is_given():
    inplace = Activation("inplace", lambda x: np.sin(x, out=x))
    student = ca.Network([[-0.9, 0, 0], [0, 0.4, 0.4]], [-1.0, 1.7])
    assert ca.classify(student, ca.orthonormal_teacher(3), inplace).partition == (1, 2)


@pytest.mark.bad_input  # for the shape checker, only a float is one
@pytest.mark.parametrize("tolerance", [0.01, np.float32(0.01), np.float64(0.01), Fraction(1, 100)])
def test_a_tolerance_is_any_real_number(tolerance):
    found = ca.classify(ca.copy_average((1, 2)), ca.orthonormal_teacher(3), tolerance=tolerance)
    assert (found.label, type(found.residual)) == ("copy-average", float)


def test_what_it_returns_is_compared_by_value():
    teacher = ca.orthonormal_teacher(5)
    one, same, other = (ca.classify(s, teacher) for s in (ca.n_copy(3, 5), ca.n_copy(3, 5), ca.copy_average((2, 3))))
    assert one == same != other
    assert len({one, same, other}) == 2
    pair = [ca.n_copy(3, 5), ca.optimal_copy_average(3, 5)]
    batch = ca.Network(np.stack([s.incoming for s in pair]), np.stack([s.outgoing for s in pair]))
    both, again = ca.classify(batch, teacher), ca.classify(batch, teacher)
    assert both == again != both[:1]
    assert both != one
    assert len({both, again, both[:1]}) == 2
    for record in (one, both):
        assert pickle.loads(pickle.dumps(record)) == record


def test_a_student_that_overflowed_is_other():
    for broken in (np.nan, np.inf):
        student = ca.Network.unchecked(np.full((2, 3), broken), np.ones(2))
        found = ca.classify(student, ca.orthonormal_teacher(3))
        assert (found.label, found.residual, found.roles) == ("other", np.inf, ("mixed", "mixed"))
    huge = ca.Network(np.full((2, 3), 1e61), np.full(2, -1e61))
    assert ca.classify(huge, ca.orthonormal_teacher(3), "relu").label == "other"


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("student", "teacher", "options", "error", "message"),
    [
        (3, ca.orthonormal_teacher(3), {}, TypeError, "student must be a Network, but was given int"),
        (ca.copy_average((3,)), None, {}, TypeError, "teacher must be a Network, but was given NoneType"),
        (ca.copy_average((3,)), ca.orthonormal_teacher(4), {}, ValueError, "share an input dimension.*d = 3 and d = 4"),
        (
            ca.copy_average((2,)),
            ca.Network([[1, 0.1], [0, 1]], [1, 1]),
            {},
            ValueError,
            "unit-orthonormal.* incoming weights' products are off by 0.1 and its outgoing weights by 0",
        ),
        (ca.copy_average((2,)), ca.Network(np.eye(2), [1, 2]), {}, ValueError, "outgoing weights by 1"),
        (ca.copy_average((2,)), ca.Network(np.ones((3, 2)), np.ones(3)), {}, ValueError, "unit-orthonormal"),
        (ca.copy_average((2,)), ca.Network(np.eye(2)[None], np.ones((1, 2))), {}, ValueError, r"single.*\(1,\)"),
        (ca.copy_average((2,)), ca.orthonormal_teacher(2), {"activation": "sin"}, ValueError, "activation must be one"),
        (ca.copy_average((2,)), ca.orthonormal_teacher(2), {"tolerance": 0}, ValueError, "tolerance .* given 0"),
        (ca.copy_average((2,)), ca.orthonormal_teacher(2), {"tolerance": 0.2}, ValueError, "tolerance .* given 0.2"),
        (ca.copy_average((2,)), ca.orthonormal_teacher(2), {"tolerance": "a"}, ValueError, "tolerance .* given 'a'"),
    ],
)
def test_bad_input(student, teacher, options, error, message):
    with pytest.raises(error, match=message):
        ca.classify(student, teacher, **options)

"""The claims of chapter 6 on gradient flow: what a neuron keeps, who is trapped, and where the committed starts end."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.activations.relu import leaky_relu
from copyavg.book import records

KS = (6, 10, 20)
GONE = ("merged pair", "idle neuron")


def kept(student):
    return student.outgoing**2 - np.sum(student.incoming**2, axis=-1)


@pytest.fixture(scope="module")
def sweeps() -> dict[int, list[dict]]:
    return {k: list(records.rows(records.read(f"relu-k{k}"))) for k in KS}


@pytest.fixture(scope="module")
def trapped(sweeps) -> dict[int, np.ndarray]:
    """How many neurons of each start are trapped."""
    counts = {}
    for k in KS:
        starts = [ca.random_student(x["n"], k + 1, np.random.default_rng([k, x["n"], x["seed"]])) for x in sweeps[k]]
        counts[k] = np.array([np.sum((s.outgoing < 0) & (kept(s) > 0)) for s in starts])
    return counts


@pytest.mark.claim("relu-kept")
@pytest.mark.parametrize("activation", ["relu", leaky_relu(0.3)], ids=["relu", "leaky"])
def test_along_the_gauge_the_loss_has_no_slope(activation, rng, residual):
    students, teacher = ca.random_student(4, 7, rng, batch=50), ca.orthonormal_teacher(6, 7)
    g = ca.gradient(students, teacher, activation)
    along = np.sum(students.incoming * g.incoming, axis=-1) - students.outgoing * g.outgoing
    residual("relu-kept", "gauge", np.abs(along).max())


@pytest.mark.claim("relu-kept")
def test_the_flow_keeps_it_as_well_as_it_is_accurate(rng, residual):
    students, teacher = ca.random_student(5, 8, rng, batch=8), ca.orthonormal_teacher(7, 8)
    drifts = []
    for accuracy in (1e-3, 1e-5, 1e-7):
        flow = ca.gradient_flow(students, teacher, "relu", times=[1.0, 30.0, 1e3], accuracy=accuracy)
        drifts.append(np.abs(kept(flow.trajectory) - kept(students)).max())
        trapped = (students.outgoing < 0) & (kept(students) > 0)
        assert np.all(flow.limit.outgoing[trapped] < 0)
    residual("relu-kept", "flow", drifts[-1])
    assert drifts[0] > drifts[1] > drifts[2]


@pytest.mark.claim("relu-trapped")
def test_who_is_trapped_ends_negative_and_hardly_anybody_else(sweeps, trapped, residual):
    more = 0
    for k in KS:
        negative = np.array([row["negative"] for row in sweeps[k]])
        assert len(negative) == 100 * (k - 1)
        assert np.all(negative >= trapped[k])
        assert np.all(negative <= trapped[k] + 1)
        more += int(np.sum(negative > trapped[k]))
    residual("relu-trapped", "free", more / sum(map(len, sweeps.values())))


@pytest.mark.claim("relu-smaller")
def test_students_that_end_with_less_have_the_loss_of_fewer_neurons(sweeps, residual):
    h0, other = 1 / (2 * np.pi), 0
    for k in KS:
        known = {0: [k / 2 + k * (k - 1) * h0], 1: [ca.one_neuron(k, "relu").loss]}
        for n in range(2, k):
            known[n] = [ca.stability(n, k, family, "relu").loss for family in ("copy-average", "n-copy")]
        for row in sweeps[k]:
            fewer = np.abs(np.subtract(known[row["n"] - row["negative"]], row["loss"])).min()
            if row["reason"] in GONE:
                assert row["negative"] > 0
                other += fewer > 1e-9
            elif row["converged"] and not row["negative"] and not row["anti_copies"]:
                residual("relu-smaller", "families", fewer)
    residual("relu-smaller", "losses", other / sum(map(len, sweeps.values())))


@pytest.mark.claim("relu-turn")
def test_turning_a_neuron_changes_the_linear_part_alone(rng, residual):
    teacher = ca.orthonormal_teacher(5, 7)
    for student in (ca.random_student(4, 7, rng) for _ in range(50)):
        strengths = student.outgoing * np.linalg.norm(student.incoming, axis=1)
        delta = student.outgoing @ student.incoming - teacher.incoming.sum(axis=0)
        before = ca.loss(student, teacher, "relu")
        for i in range(student.n):
            incoming = student.incoming.copy()
            incoming[i] *= -1
            change = ca.loss(ca.Network(incoming, student.outgoing), teacher, "relu") - before
            expected = strengths[i] ** 2 - student.outgoing[i] * student.incoming[i] @ delta
            residual("relu-turn", "formula", abs(change - expected))


@pytest.mark.claim("relu-anti")
@pytest.mark.parametrize(("missing", "first"), [(0, 6), (1, 14)])
def test_an_anti_copy_stays_from_some_k_on(missing, first, residual):
    for k in (4, 5, 6, 9, 13, 14, 17, 20):
        point = ca.n_copy(k - missing, k, "relu") if missing else ca.orthonormal_teacher(k)
        incoming = point.incoming.copy()
        incoming[0, 0] *= -1
        flow = ca.gradient_flow(ca.Network(incoming, point.outgoing), ca.orthonormal_teacher(k), "relu")
        assert flow.converged
        assert (flow.limit.incoming[0, 0] < -0.1) == (k >= first), k
        if k >= first:
            residual("relu-anti", "single", flow.smallest_eigenvalue)


@pytest.mark.claim("relu-anti")
def test_most_starts_end_with_anti_copies_where_few_neurons_are_missing(sweeps, residual):
    assert not any(row["anti_copies"] for k in (6, 10) for row in sweeps[k])
    for n in (17, 18, 19):
        rows = [row for row in sweeps[20] if row["n"] == n]
        residual("relu-anti", "share", np.mean([row["anti_copies"] > 0 and row["converged"] for row in rows]))
    copying = {n: ca.stability(n, 20, "n-copy", "relu").loss for n in range(2, 20)}
    for row in sweeps[20]:
        if row["anti_copies"] and row["converged"]:
            residual("relu-anti", "losses", row["loss"] / copying[row["n"]])


@pytest.mark.claim("relu-beside")
def test_relu_copies_from_fewer_neurons_on_than_erf(sweeps, residual):
    for k in KS:
        erf = list(records.rows(records.read(f"phase-diagram-k{k}")))
        ends = {(row["n"], row["label"]) for row in sweeps[k] if row["converged"] and row["n"] > 1}
        for n, label in ends:
            assert label == "other" or ca.stability(n, k, label, "relu").index == 0
        first = [
            next(n for n in range(1, k) if np.mean([x["label"] == "n-copy" for x in rows if x["n"] == n]) > 0)
            for rows in (sweeps[k], erf)
        ]
        assert first[0] < first[1]
        residual("relu-beside", "first", first[0] / first[1])

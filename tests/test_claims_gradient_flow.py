"""The claims of chapter 5: what the committed sweeps hold, and trajectories that are followed again."""

from collections import Counter

import numpy as np
import pytest

import copyavg as ca
from copyavg.book import records

KS = (6, 10, 20, 50, 100, 200)


@pytest.fixture(scope="module")
def sweeps() -> dict[int, list[dict]]:
    return {k: list(records.rows(records.read(f"phase-diagram-k{k}"))) for k in KS}


def share(rows: list[dict], n: int, label: str = "n-copy") -> float:
    return float(np.mean([row["label"] == label for row in rows if row["n"] == n]))


def first(k: int, holds) -> int:
    return next(n for n in range(k // 3, k) if holds(n))


def n_copy_is_a_minimum(k: int) -> int:
    return first(k, lambda n: ca.stability(n, k, "n-copy").index == 0)


def n_copy_is_better(k: int) -> int:
    return first(k, lambda n: ca.stability(n, k, "n-copy").loss < ca.stability(n, k).loss)


def copy_average_is_a_saddle(k: int) -> int:
    return first(k, lambda n: ca.stability(n, k).index > 0)


@pytest.mark.claim("plateaus")
@pytest.mark.parametrize(("n", "k"), [(2, 3), (4, 5), (8, 10)])
def test_small_starts_pass_two_plateaus(n, k, residual):
    drawn = ca.random_student(n, k, np.random.default_rng(k), batch=20)
    small = ca.Network(1e-4 * drawn.incoming, 1e-4 * drawn.outgoing)
    times, teacher = np.geomspace(0.1, 1e4, 400), ca.orthonormal_teacher(k)
    states = ca.gradient_flow(small, teacher, times=times).trajectory
    losses = ca.loss(states, teacher)
    slope = ca.gradient(states, teacher)
    speed = np.sqrt((slope.incoming**2).sum((-1, -2)) + (slope.outgoing**2).sum(-1))
    average = ca.copy_average_loss((k,))
    for i in range(20):
        silent = losses[0, i]
        residual("plateaus", "first stair", abs(silent - k / 3))
        between = np.flatnonzero((losses[:, i] < 2 * average) & (losses[:, i] > 0.75 * average))
        stands = between[np.argmin(speed[between, i])]
        u = states.incoming[stands, i] / np.linalg.norm(states.incoming[stands, i], axis=-1, keepdims=True)
        residual("plateaus", "second stair", abs(losses[stands, i] / average - 1))
        residual("plateaus", "all alike", np.abs(np.abs(u) - 1 / np.sqrt(k)).max())
        assert stands > 0
        assert speed[stands, i] < speed[stands - 20, i]  # it has slowed down
        assert speed[stands, i] < speed[between[-1], i]  # and goes on faster


@pytest.mark.claim("two-ends")
def test_the_sweeps_end_at_two_points(sweeps, residual):
    for k, rows in sweeps.items():
        sizes, seeds = {row["n"] for row in rows}, 100 if k <= 50 else 2000 // k
        assert sizes == (set(range(1, k)) if k <= 100 else set(range(80, 105, 4)))
        assert len(rows) == len(sizes) * seeds
        converged = [row for row in rows if row["converged"]]
        if k <= 100:
            residual("two-ends", "converged", len(converged) / len(rows))
        else:
            assert len(converged) == 56
            assert {row["reason"] for row in rows if not row["converged"]} == {"rounding"}
            assert {row["label"] for row in rows} == {"copy-average", "n-copy"}
            assert all(row["gradient_norm"] <= 4e-13 and row["smallest_eigenvalue"] > 1e-8 for row in rows)
        for row in converged:
            residual("two-ends", "gradient", row["gradient_norm"])
            assert row["label"] in ("copy-average", "n-copy"), row
            if row["label"] == "copy-average":
                assert row["partition"] == [1] * (row["n"] - 1) + [k - row["n"] + 1], row


@pytest.mark.claim("two-ends")
def test_the_losses_of_the_sweeps_are_those_of_the_two_points(sweeps, residual):
    for k, rows in sweeps.items():
        for n in {row["n"] for row in rows}:
            copied = [row["loss"] for row in rows if row["n"] == n and row["label"] == "n-copy" and row["converged"]]
            if copied:
                known = ca.stability(n, k, "n-copy").loss
                residual("two-ends", "loss", np.abs(np.array(copied) / known - 1).max())
            averaged = [row["loss"] for row in rows if row["n"] == n and row["label"] == "copy-average"]
            if averaged:
                known = ca.copy_average_loss((k - n + 1,))
                residual("two-ends", "loss", np.abs(np.array(averaged) / known - 1).max())


@pytest.mark.claim("transition")
def test_the_transition_sharpens_and_moves(sweeps, residual):
    def crossing(k: int, level: float) -> float:
        sizes = sorted({row["n"] for row in sweeps[k]})
        shares = [share(sweeps[k], n) for n in sizes]
        above = next(i for i, value in enumerate(shares) if value >= level)
        return float(np.interp(level, shares[above - 1 : above + 1], sizes[above - 1 : above + 1])) / k

    half = [crossing(k, 0.5) for k in KS]
    wide = {k: crossing(k, 0.9) - crossing(k, 0.1) for k in KS[1:]}
    residual("transition", "place", min(-np.diff(half)))
    residual("transition", "wide", min(wide[k] for k in (10, 20)))
    residual("transition", "narrow", max(wide[k] for k in (50, 100, 200)))


@pytest.mark.claim("worse-point")
def test_most_starts_end_at_the_worse_point(sweeps, residual):
    better = {k: n_copy_is_better(k) for k in (20, 50)}
    minimum = {k: n_copy_is_a_minimum(k) for k in (20, 50)}
    assert (minimum, better) == ({20: 10, 50: 22}, {20: 15, 50: 38})
    assert max(share(sweeps[20], n) for n in range(10, 15)) == pytest.approx(0.82)
    for n in range(25, 38):
        residual("worse-point", "share", share(sweeps[50], n))
    for k in (20, 50):
        for n in range(minimum[k], better[k]):
            residual("worse-point", "price", ca.stability(n, k, "n-copy").loss / ca.stability(n, k).loss - 1)


@pytest.mark.claim("start-size")
@pytest.mark.parametrize("k", [10, 20, 50])
def test_small_starts_copy_and_large_starts_average(k, residual):
    rows = list(records.rows(records.read(f"start-size-k{k}")))
    smallest, small, large, larger = ([row for row in rows if row["scale"] == scale] for scale in (0.01, 0.3, 3, 10))
    minimum, saddle = n_copy_is_a_minimum(k), copy_average_is_a_saddle(k)
    for n in range(1, minimum):
        assert "n-copy" not in {row["label"] for row in rows if row["n"] == n}
    for n in range(minimum + 1, k):
        residual("start-size", "small", share(small, n))
        if k < 50:
            residual("start-size", "smallest", share(smallest, n))
    for n in range(minimum, saddle):
        residual("start-size", "large", max(share(large, n), share(larger, n)))
    if k == 50:
        residual("start-size", "fewer", share(smallest, 24))
    lost = {(row["n"], row["scale"], row["seed"]): row["reason"] for row in rows if not row["converged"]}
    assert set(lost.values()) == {"dipole", "idle neuron"}
    counts = Counter((n, scale) for n, scale, _ in lost)
    assert max(counts.values()) == {10: 6, 20: 6, 50: 16}[k]
    if k == 10:
        assert {(n, scale) for (n, scale, _), reason in lost.items() if reason == "dipole"} == {
            (n, 10) for n in range(2, 10)
        }
        assert list(lost.values()).count("dipole") == 22
    if k == 50:
        for n, reason, number in ((4, "idle neuron", 13), (48, "dipole", 10)):
            assert [lost[key] for key in lost if key[:2] == (n, 10)].count(reason) == number


@pytest.mark.claim("no-limit")
def test_what_does_not_converge_has_one_of_three_reasons(sweeps, residual):
    lost = [row for k, rows in sweeps.items() for row in rows if k <= 100 and not row["converged"]]
    for row in lost:
        if row["reason"] == "dipole":
            residual("no-limit", "dipoles", row["n"] / row["k"])
    others = [row for row in lost if row["reason"] not in ("dipole", "merged pair", "idle neuron")]
    residual("no-limit", "stalled", len(others))


@pytest.mark.claim("no-limit")
def test_dipoles_and_merging_pairs_never_arrive(residual):
    times = np.geomspace(1e7, 1e11, 60)

    def pair(n: int, k: int, seed: int, reason: str):
        start = ca.random_student(n, k + 1, np.random.default_rng(seed))
        flow = ca.gradient_flow(start, ca.orthonormal_teacher(k, k + 1), times=times)
        assert flow.reason == reason
        u = flow.limit.incoming / np.linalg.norm(flow.limit.incoming, axis=1, keepdims=True)
        i, j = np.unravel_index(np.argmax(np.abs(u @ u.T) - np.eye(n)), (n, n))
        sign = np.sign(u[i] @ u[j])
        w = flow.trajectory.incoming
        return w[:, i] - sign * w[:, j], flow.trajectory.outgoing[:, [i, j]]

    def rate(x):
        return np.polyfit(np.log(times), np.log(x), 1)[0]

    _, outgoing = pair(9, 10, 3, "dipole")
    residual("no-limit", "rates", abs(rate(np.abs(outgoing).min(1)) - 1 / 4))
    apart, _ = pair(7, 10, 30, "merged pair")
    residual("no-limit", "rates", abs(rate(np.linalg.norm(apart, axis=1)) + 1 / 2))

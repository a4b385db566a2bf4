"""Reading the committed data."""

import numpy as np
import pytest

from copyavg.book import records


def test_every_row_is_spelt_out_once():
    data = records.read("phase-diagram-k10")
    rows = list(records.rows(data))
    assert [(row["n"], row["seed"]) for row in rows] == [(n, seed) for n in range(1, 10) for seed in range(100)]
    assert {row["label"] for row in rows} <= set(data["letters"].values())
    assert all(sum(row["partition"]) == 10 for row in rows if row["label"] == "copy-average")


def test_flags_and_reasons_reach_their_rows():
    data = records.read("phase-diagram-k6")
    data["flagged"] = [[2, 1.0, 7]]
    data["cells"][1]["unconverged"], data["cells"][1]["reasons"] = [3], {"3": "dipole"}
    rows = [row for row in records.rows(data) if row["n"] == 2]
    assert [row["seed"] for row in rows if row["flagged"]] == [7]
    assert [(row["seed"], row["reason"]) for row in rows if not row["converged"]] == [(3, "dipole")]


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="no data file 'phase-diagram-k7'.*phase-diagram-k10"):
        records.read("phase-diagram-k7")


def test_shares_and_their_intervals():
    rows = [{"n": n, "label": label} for n, labels in ((3, "aaab"), (2, "bb")) for label in labels]
    found = records.shares(rows, "a")
    assert found.n.tolist() == [2, 3]
    assert found.share.tolist() == [0, 0.75]
    z, p, m = 1.959963984540054, 0.75, 4  # Wilson: the p for which |share − p| = z √(p(1 − p)/m)
    middle, half = p + z**2 / (2 * m), z * np.sqrt(p * (1 - p) / m + z**2 / (4 * m**2))
    np.testing.assert_allclose(found.lower, [0, (middle - half) / (1 + z**2 / m)], atol=1e-12)
    np.testing.assert_allclose(found.upper, [z**2 / (2 + z**2), (middle + half) / (1 + z**2 / m)], atol=1e-12)


def test_n_copy_is_counted_unless_said():
    rows = list(records.rows(records.read("phase-diagram-k6")))
    copies = sum(row["label"] == "n-copy" for row in rows)
    assert records.shares(rows).share.mean() == pytest.approx(copies / len(rows), rel=1e-12)

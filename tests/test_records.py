"""Reading the committed data."""

import pytest

from copyavg import records


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


def test_an_installed_package_reads_the_repository_in_which_the_notebook_runs(monkeypatch, tmp_path):
    root = records.places()[0].parents[1]
    monkeypatch.setattr(records, "__file__", str(tmp_path / "copyavg" / "records.py"))
    monkeypatch.chdir(root / "notebooks")
    assert records.read("phase-diagram-k6")["k"] == 6
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="there are: none"):
        records.read("phase-diagram-k6")

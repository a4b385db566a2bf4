import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
import torch

import copyavg as ca
from copyavg.flow import gradient_flow, outcomes
from copyavg.flow.result import REASONS


def network(*shape):
    rng = np.random.default_rng(0)
    return ca.Network(rng.normal(size=(*shape, 2, 3)), rng.normal(size=(*shape, 2)))


def flow_of(*batch, times=None, limit=None):
    values = np.random.default_rng(1).normal(size=(4, *batch))
    values[3] = np.nan
    return ca.Flow(
        network(*batch) if limit is None else limit,
        *(x[()] for x in values),
        np.full(batch, True)[()],
        np.full(batch, "converged")[()],
        np.full(batch, "n-copy")[()],
        np.full(batch, 7)[()],
        None if times is None else network(times, *batch),
    )


def parts(flow):
    for field in fields(flow):
        value = getattr(flow, field.name)
        yield from vars(value).values() if isinstance(value, ca.Network) else [value]


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
@pytest.mark.parametrize("times", [None, 4])
def test_a_flow_comes_back_bit_for_bit(batch, times, tmp_path):
    flow = flow_of(*batch, times=times)
    flow.save(tmp_path / "a.npz")
    again = ca.Flow.load(str(tmp_path / "a.npz"))
    assert (again.trajectory is None) == (times is None)
    for one, other in zip(parts(flow), parts(again), strict=True):
        assert type(one) is type(other)
        if one is not None:
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    assert repr(again) == repr(flow)


def test_what_is_saved_is_what_numpy_reads(tmp_path):
    """The names of the format, which files that exist rest on."""
    flow_of(2, times=3).save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert sorted(stored.files) == sorted(
            "format limit.incoming limit.outgoing loss gradient_norm smallest_eigenvalue time converged reason label "
            "evaluations trajectory.incoming trajectory.outgoing".split()
        )
        assert stored["format"] == 1


def test_a_real_flow_comes_back(tmp_path):
    flow = ca.gradient_flow(ca.optimal_copy_average(2, 3), ca.orthonormal_teacher(3), times=[0.0, 1.0])
    flow.save(tmp_path / "a.npz")
    again = ca.Flow.load(tmp_path / "a.npz")
    assert again.reason == "converged"
    assert again.trajectory.batch_shape == (2,)
    assert [type(x) for x in parts(again)] == [type(x) for x in parts(flow)]


def test_tensors_come_back_as_arrays(tmp_path):
    flow = flow_of(2, limit=ca.Network(*map(torch.as_tensor, vars(network(2)).values())))
    flow.save(tmp_path / "a.npz")
    incoming = ca.Flow.load(tmp_path / "a.npz").limit.incoming
    assert isinstance(incoming, np.ndarray)
    np.testing.assert_array_equal(incoming, flow.limit.incoming.numpy())


@pytest.mark.parametrize(
    ("drop", "change", "message"),
    [
        ("format", {}, "has no format version"),
        ("", {"format": 2}, "in format 1, but its format is 2"),
        ("label", {}, "lacks label"),
        ("limit.outgoing", {}, "lacks limit.outgoing"),
        ("trajectory.incoming", {}, "lacks trajectory.incoming"),
        ("", {"label": np.array([None])}, "not an .npz file of plain arrays"),
        ("", {"loss": np.zeros(3)}, r"do not fit each other: loss \(3,\), "),
        ("", {"limit.incoming": np.zeros((2, 3, 3))}, r"do not fit each other: .*limit.incoming \(2, 3, 3\)"),
        ("", {"limit.incoming": np.zeros(2)}, "do not fit each other"),
        ("", {"trajectory.outgoing": np.zeros((4, 2, 2))}, "do not fit each other"),
    ],
)
def test_a_file_that_is_no_flow_is_refused(drop, change, message, tmp_path):
    path = tmp_path / "a.npz"
    flow_of(2, times=3).save(path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files if name != drop}
    np.savez(path, **{**arrays, **change})
    with pytest.raises(ValueError, match=message):
        ca.Flow.load(path)


def test_other_files(tmp_path):
    with pytest.raises(ValueError, match="must end in .npz, but was given .*a.npy"):
        flow_of().save(tmp_path / "a.npy")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="must end in .npz"):
        ca.Flow.load("a")
    with pytest.raises(FileNotFoundError):
        ca.Flow.load(tmp_path / "a.npz")
    for content in (b"", b"no zip", b"PK\x03\x04 cut off"):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(ValueError, match="not an .npz file"):
            ca.Flow.load(tmp_path / "a.npz")
    flow_of(50).save(tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (whole[:-40], whole[:90] + b"????" + whole[94:]):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match="or is damaged"):
            ca.Flow.load(tmp_path / "a.npz")
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="not an .npz file"):
        ca.Flow.load(tmp_path / "a.npz")


def test_a_flow_is_read_without_numba(tmp_path):
    flow_of(2).save(tmp_path / "a.npz")
    code = "import sys; sys.modules['numba'] = None; from copyavg import Flow; print(Flow.load(sys.argv[1]))"
    shown = subprocess.run([sys.executable, "-c", code, tmp_path / "a.npz"], capture_output=True, text=True)
    assert shown.stdout == "Flow(2 converged; batch_shape=(2,))\n", shown.stderr


def test_the_class_is_the_one_that_gradient_flow_returns():
    assert gradient_flow.Flow is ca.Flow
    assert ca.Flow.__module__ == "copyavg.flow.result"


def test_every_outcome_has_a_reason():
    codes = {name: code for name, code in vars(outcomes).items() if name.isupper()}
    assert sorted(codes.values()) == sorted(REASONS) == list(range(10))
    assert len(set(REASONS.values())) == 10
    assert (REASONS[outcomes.ZERO_LOSS], REASONS[outcomes.TO_INFINITY]) == ("zero loss", "to infinity")

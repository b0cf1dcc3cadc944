"""NumPy's files: what is written comes back, equal arrays give equal bytes, no pickles."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from quantlab.errors import InputError, IntegrityError
from quantlab.store import read_npz, write_npy, write_npz

ARRAYS = {
    "reals": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "counts": np.array([1, 2], np.int64),
    "words": np.array(["a/b", "żółć"]),
    "none": np.zeros((0, 4), np.float32),
    "one": np.array(7, np.uint8),
}


def test_arrays_come_back_and_numpy_reads_them(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", ARRAYS)
    back = read_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as theirs:
        for name, array in ARRAYS.items():
            for found in (back[name], theirs[name]):
                assert found.dtype == array.dtype
                np.testing.assert_array_equal(found, array)
    assert back.keys() == ARRAYS.keys()
    assert back["reals"].flags.writeable
    write_npy(tmp_path / "a.npy", ARRAYS["turned"])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), ARRAYS["turned"])


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_npz(tmp_path / f"{name}.npz", ARRAYS)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_compressed_files_of_others_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", **ARRAYS)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz")["reals"], ARRAYS["reals"])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1.0, np.nan, np.inf]), "'x' holds 2 NaN or infinite values"),
        (np.array([{}, 1], object), "'x' has dtype object"),
    ],
)
def test_what_cannot_be_kept_is_not_written(
    tmp_path: Path, array: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write_npz(tmp_path / "x.npz", {"x": array})
    with pytest.raises(InputError, match=message):
        write_npy(tmp_path / "x.npy", array)
    assert not list(tmp_path.iterdir())


def member(shape: str, data: bytes) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (member("(1000000000000,)", bytes(8)), "does not fill its"),
        (member("(2,)", bytes(12)), "does not fill its"),
        (member("(-2,)", bytes(8)), "does not fill its"),
        (member("(1,)", np.float32(np.nan).tobytes()), "'a' holds 1 NaN"),
        (b"\x93NUMPY\x09\x00", "unknown format"),
        (b"no array", "damaged or no plain"),
    ],
)
def test_members_that_are_no_arrays_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(IntegrityError, match=message):
        read_npz(tmp_path / "a.npz")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([print], object))
    with pytest.raises(IntegrityError, match="'a' holds Python objects, which are never loaded"):
        read_npz(tmp_path / "a.npz")


def test_damage_anywhere_is_found(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", {"a": np.arange(64, dtype=np.float32)})
    whole = (tmp_path / "a.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[250] ^= 1
    for name, content in (("cut", whole[:200]), ("flipped", bytes(flipped)), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(IntegrityError, match="damaged or no plain"):
            read_npz(tmp_path / name)
    with pytest.raises(InputError, match="cannot read"):
        read_npz(tmp_path / "absent.npz")


def test_files_too_large_are_refused_before_they_are_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("a.npy", "b.npy"):
            archive.writestr(name, member("(2,)", bytes(8)))
    content = bytearray(buffer.getvalue())
    for place in (content.index(b"PK\x01\x02"), content.rindex(b"PK\x01\x02")):
        content[place + 24 : place + 28] = (0xFFFFFFFE).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match="more than 4 GiB"):
        read_npz(tmp_path / "a.npz")

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from quantlab.errors import ConfigError, InputError, IntegrityError, QuantlabError
from quantlab.store import (
    load_tensors,
    lock,
    map_tensors,
    read_csv,
    read_json,
    read_table,
    read_yaml,
    resolve_under,
    save_tensors,
    sha256_file,
    sweep_stale,
    table_metadata,
    table_writer,
    to_csv,
    write_bytes,
    write_json,
    write_table,
)

LAYOUTS = {
    "plain": lambda a: a,
    "fortran": np.asfortranarray,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[::2],
    "reversed": lambda a: a[::-1],
}


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "card.json"
    write_bytes(target, b"old")
    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:

            def fail(*_: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(os, name, fail)
            with pytest.raises(QuantlabError, match=r"No space left.*MiB free.*unchanged"):
                write_bytes(target, b"new")
        assert target.read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_kill_during_write_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "big"
    write_bytes(target, b"a" * 1_000_000)
    code = (
        "import sys; from quantlab.store import write_bytes\n"
        "print('go', flush=True)\n"
        "while True:\n"
        "    for letter in (b'b', b'c'): write_bytes(sys.argv[1], letter * 1_000_000)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.3)
    child.kill()
    child.wait()
    child.stdout.close()
    content = target.read_bytes()
    assert len(content) == 1_000_000
    assert len(set(content)) == 1


def test_stale_temporary_files_are_swept(tmp_path: Path) -> None:
    old, new = tmp_path / ".x.1.qltmp", tmp_path / ".y.2.qltmp"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    assert sweep_stale(tmp_path) == 1
    assert new.exists()


def test_lock_is_exclusive_and_ends_with_its_holder(tmp_path: Path) -> None:
    place = tmp_path / ".lock"
    with lock(place), pytest.raises(QuantlabError, match="another quantlab process"), lock(place):
        pass
    with lock(place):
        pass


def test_a_lock_can_be_waited_for(tmp_path: Path) -> None:
    place, held, order = tmp_path / ".lock", threading.Event(), []

    def hold() -> None:
        with lock(place):
            held.set()
            time.sleep(0.3)
            order.append("first")

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with lock(place, wait_s=30.0):
        order.append("second")
    holder.join()
    assert order == ["first", "second"]
    with lock(place), pytest.raises(QuantlabError, match="wait until it has finished"):
        with lock(place, wait_s=0.2):
            pass


@pytest.mark.parametrize(
    ("relative", "reason"),
    [
        ("../x.wav", "leads out of"),
        ("a/../../x.wav", "leads out of"),
        ("/etc/passwd", "is absolute"),
        ("link/x.wav", "leads out of"),
        ("a\0b", "NUL"),
        ("C:\\x.wav", "Windows"),
        ("c:x.wav", "Windows"),
        ("~/x.wav", "starts with '~'"),
        ("https://host/x.wav", "is a URL"),
        (" ", "is empty"),
    ],
)
def test_paths_cannot_leave_their_root(tmp_path: Path, relative: str, reason: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match=reason):
        resolve_under(root, relative)


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    with pytest.raises(InputError, match="cannot be resolved"):
        resolve_under(tmp_path, "a.wav")


def test_paths_with_odd_names_are_fine(tmp_path: Path) -> None:
    for name in ("-rf.wav", "a b.wav", "żółć.wav", "new\nline.wav", "x" * 255):
        assert resolve_under(tmp_path, name) == tmp_path.resolve() / name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tensors_of_any_layout_come_back_equal(tmp_path: Path, layout: str) -> None:
    array = LAYOUTS[layout](np.arange(24, dtype=np.float32).reshape(4, 6))
    card = save_tensors(tmp_path / "t", {"a": array})
    assert np.array_equal(load_tensors(tmp_path / "t", card)["a"], array)
    assert np.array_equal(map_tensors(tmp_path / "t")["a"], array)


@given(
    npst.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.uint16, np.uint8]),
        npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ).filter(lambda array: bool(np.isfinite(array).all()))
)
@settings(max_examples=40)
def test_tensors_round_trip(array: np.ndarray) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        card = save_tensors(Path(folder) / "t", {"a": array})
        back = load_tensors(Path(folder) / "t", card)["a"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(back, array)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_tensors_refuse_non_finite_values(tmp_path: Path, bad: float) -> None:
    with pytest.raises(InputError, match="'a' holds 1 NaN or infinite"):
        save_tensors(tmp_path / "t", {"a": np.array([1.0, bad])})
    assert not (tmp_path / "t").exists()


def test_every_changed_byte_of_a_tensor_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t"
    original = {"a": np.arange(6, dtype=np.float32), "b": np.arange(3, dtype=np.uint16)}
    card = save_tensors(path, original)
    data = path.read_bytes()
    for position in range(len(data)):
        for flip in (1, 0x80):
            changed = bytearray(data)
            changed[position] ^= flip
            path.write_bytes(bytes(changed))
            try:
                loaded = load_tensors(path, card)
            except IntegrityError:
                continue
            assert all(np.array_equal(loaded[name], original[name]) for name in original)


def test_truncated_and_appended_tensor_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    save_tensors(path, {"a": np.arange(6, dtype=np.float32)})
    data = path.read_bytes()
    for damaged in (*(data[:length] for length in range(len(data))), data + b"x", b"\x80\x04."):
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError, match="damaged"):
            load_tensors(path)


def test_a_tensor_file_must_match_its_card(tmp_path: Path) -> None:
    card = save_tensors(tmp_path / "t", {"a": np.zeros(3, np.float32)})
    save_tensors(tmp_path / "t", {"b": np.zeros(3, np.float32)})
    with pytest.raises(IntegrityError, match=r"missing \['a'\], not in the card \['b'\]"):
        load_tensors(tmp_path / "t", card)
    save_tensors(tmp_path / "t", {"a": np.ones(3, np.float32)})
    with pytest.raises(IntegrityError, match="'a' has sha256"):
        load_tensors(tmp_path / "t", card)


SCHEMA = {"name": "category", "value": "float64"}


def _table(count: int = 3) -> pd.DataFrame:
    return pd.DataFrame({"name": ["a"] * count, "value": np.arange(count, dtype=float)})


def test_tables_are_byte_identical_and_keep_metadata(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(tmp_path / name, _table(), schema=SCHEMA, metadata={"fingerprint": "f"})
    assert sha256_file(tmp_path / "one") == sha256_file(tmp_path / "two")
    assert table_metadata(tmp_path / "one") == {"fingerprint": "f"}
    assert read_table(tmp_path / "one")["value"].tolist() == [0.0, 1.0, 2.0]


def test_tables_can_be_written_part_by_part(tmp_path: Path) -> None:
    with table_writer(tmp_path / "t", schema=SCHEMA) as writer:
        writer.write(_table(2))
        writer.write(_table(3))
    assert len(read_table(tmp_path / "t")) == 5


def test_tables_refuse_other_columns_and_types(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its schema"):
        write_table(tmp_path / "t", _table()[["value", "name"]], schema=SCHEMA)
    with pytest.raises(InputError, match="does not fit"):
        write_table(tmp_path / "t", _table().assign(value=["x"] * 3), schema=SCHEMA)
    assert not (tmp_path / "t").exists()


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write_table(path, _table(1000), schema=SCHEMA)
    data = path.read_bytes()
    for damaged in (b"", data[: len(data) // 2], bytes(len(data))):
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError, match="damaged"):
            read_table(path)
    changed = bytearray(data)
    changed[len(data) // 3] ^= 0xFF
    path.write_bytes(bytes(changed))
    with pytest.raises(IntegrityError, match="damaged"):
        read_table(path)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_csv_cells_are_no_formulas(start: str) -> None:
    text = to_csv(pd.DataFrame({"a": [f"{start}1+1"], "b": [-1.5]}))
    assert text.split("\n")[1].lstrip('"').startswith("'")
    assert text.rstrip().endswith("-1.5")


@pytest.mark.parametrize(
    "text",
    [
        "path,emotion\na.wav,sad\n",
        "\ufeffpath;emotion\r\na.wav;sad\r\n",
        "path\temotion\na.wav\tsad",
    ],
)
def test_csv_dialects(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_bytes(text.encode())
    frame = read_csv(tmp_path / "m.csv")
    assert frame.to_dict("records") == [{"path": "a.wav", "emotion": "sad"}]
    assert frame.index.tolist() == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1\n", "line 2: 1 cells, the header has 2"),
        ("", "is empty"),
        ("a,a\n1,2\n", "stands twice"),
        ("a\n" + "x" * 200_000, "line 2: field larger"),
    ],
)
def test_csv_faults(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_csv(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "line 2: key 'a' stands twice"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("a: !!python/object/apply:os.system ['true']\n", "not plain YAML"),
        ("- 1\n", "key: value pairs"),
        ("a: [1\n", "not plain YAML"),
    ],
)
def test_yaml_faults(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_yaml(tmp_path / "x.yaml")


def test_yaml_reads_numbers_without_a_point(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("lams: [1e-3, 2E+2, 0.5]\n")
    assert read_yaml(tmp_path / "x.yaml") == {"lams": [1e-3, 200.0, 0.5]}


def test_json_round_trip_and_damage(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": 1, "a": "ż"})
    assert read_json(tmp_path / "x.json") == {"a": "ż", "b": 1}
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": "ż", "b": 1}
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(IntegrityError, match="damaged"):
        read_json(tmp_path / "x.json")
    with pytest.raises(InputError, match="cannot read"):
        read_json(tmp_path / "absent.json")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "y.json", {"a": float("nan")})

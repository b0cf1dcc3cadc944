"""The only gate to files: atomic writes, checksums, safe paths, tensors, tables, YAML and JSON.

Every file that quantlab writes goes through `write_bytes`, which leaves either the old or the new
content in place, whatever happens in between. Nothing here is ever pickled.
"""

from quantlab.store.arrays import npz_bytes, read_npy, read_npz, write_npy, write_npz
from quantlab.store.files import (
    lock,
    read_bytes,
    resolve_under,
    sha256_bytes,
    sha256_file,
    sweep_stale,
    write_bytes,
    write_text,
    writing,
)
from quantlab.store.provenance import provenance
from quantlab.store.tables import (
    TableWriter,
    read_csv,
    read_table,
    table_metadata,
    table_writer,
    to_csv,
    write_csv,
    write_table,
)
from quantlab.store.tensors import check_tensors, load_tensors, map_tensors, save_tensors
from quantlab.store.text import json_text, read_json, read_yaml, write_json, write_yaml
from quantlab.store.weights import load_torch_weights

__all__ = [
    "TableWriter",
    "check_tensors",
    "json_text",
    "load_tensors",
    "load_torch_weights",
    "lock",
    "map_tensors",
    "npz_bytes",
    "provenance",
    "read_bytes",
    "read_csv",
    "read_json",
    "read_npy",
    "read_npz",
    "read_table",
    "read_yaml",
    "resolve_under",
    "save_tensors",
    "sha256_bytes",
    "sha256_file",
    "sweep_stale",
    "table_metadata",
    "table_writer",
    "to_csv",
    "write_bytes",
    "write_csv",
    "write_json",
    "write_npy",
    "write_npz",
    "write_table",
    "write_text",
    "write_yaml",
    "writing",
]

"""Check that a WAV or AIFF file holds as many bytes of audio as its header says.

libsndfile shortens such a file without a word. Streamed files, whose sizes were never filled in,
count as whole.
"""

import struct
from collections.abc import Iterator

_CHUNK_HEADER = 8
# Writers to a pipe leave 0xFFFFFFFF, or the largest size that they dare to state.
_STREAMED = 0x7FFFF000


def missing_bytes(data: bytes) -> int:
    """Return how many bytes of audio are missing from a RIFF, RIFX, RF64 or AIFF file.

    Parameters
    ----------
    data : bytes
        A whole file of any kind.

    Returns
    -------
    int
        0 for whole files, streamed files and files of other kinds.
    """
    kind, form = data[:4], data[8:12]
    if kind in (b"RIFF", b"RIFX", b"RF64") and form == b"WAVE":
        order, wanted = (">" if kind == b"RIFX" else "<"), b"data"
    elif kind == b"FORM" and form in (b"AIFF", b"AIFC"):
        order, wanted = ">", b"SSND"
    else:
        return 0
    long_size = None
    for name, start, size in _chunks(data, order):
        if name == b"ds64" and start + 16 <= len(data):
            long_size = struct.unpack_from("<Q", data, start + 8)[0]
        if name == wanted:
            if size == 0xFFFFFFFF and long_size is not None:
                size = long_size
            elif size >= _STREAMED:
                return 0
            return max(0, start + size - len(data))
    return 0


def _chunks(data: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, the start of the content and the stated size of each chunk."""
    place = 12
    while place + _CHUNK_HEADER <= len(data):
        name, size = struct.unpack_from(f"{order}4sI", data, place)
        yield name, place + _CHUNK_HEADER, size
        place += _CHUNK_HEADER + size + size % 2

"""Corpora: from a folder of clips to a manifest, its splits and its checks.

One small reader per corpus lists the clips and parses their labels; indexing measures each clip;
splits and validation keep training and test apart.
"""

from quantlab.corpora.index import Indexed, index_corpus
from quantlab.corpora.labels import EMOTIONS, MERGES, canonical_emotion, merge_table
from quantlab.corpora.manifest import MANIFEST_SCHEMA, Manifest
from quantlab.corpora.readers import READERS, describe_readers
from quantlab.corpora.readers.timit import FOLDING, PHONES_39, PHONES_61, Phone, read_phones
from quantlab.corpora.shelf import ClipShelf, manifest_files
from quantlab.corpora.splits import (
    Fold,
    corpus_folds,
    leave_one_speaker_out,
    official_split,
    speaker_disjoint,
    speaker_folds,
    speaker_keys,
    text_disjoint,
    text_folds,
    text_keys,
)
from quantlab.corpora.validate import Report, seen_items, validate
from quantlab.corpora.votes import agreement, vote_shares

__all__ = [
    "EMOTIONS",
    "FOLDING",
    "MANIFEST_SCHEMA",
    "MERGES",
    "PHONES_39",
    "PHONES_61",
    "READERS",
    "ClipShelf",
    "Fold",
    "Indexed",
    "Manifest",
    "Phone",
    "Report",
    "agreement",
    "canonical_emotion",
    "corpus_folds",
    "describe_readers",
    "index_corpus",
    "leave_one_speaker_out",
    "manifest_files",
    "merge_table",
    "official_split",
    "read_phones",
    "seen_items",
    "speaker_disjoint",
    "speaker_folds",
    "speaker_keys",
    "text_disjoint",
    "text_folds",
    "text_keys",
    "validate",
    "vote_shares",
]

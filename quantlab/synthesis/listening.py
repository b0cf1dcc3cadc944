"""The listening loop: convert over λ and codecs, embed what came out, and ask what is heard.

Beside every conversion with a quantized emotion stand the conversion with the emotion as it is, and
what happens without one: the source itself, its copy synthesis (its bands through the vocoder) and
its reconstruction (decoded with its own emotion). Finished sources are kept in the folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantlab.codebooks import Codec
from quantlab.compat import single_thread
from quantlab.config import SHORT_FINGERPRINT, fingerprint
from quantlab.errors import InputError, IntegrityError
from quantlab.store import (
    load_tensors,
    provenance,
    read_table,
    save_tensors,
    table_metadata,
    write_csv,
    write_json,
    write_table,
)
from quantlab.synthesis.conversion import vocoder_card
from quantlab.synthesis.decoders import Decoder
from quantlab.synthesis.emotions import refuse_silent
from quantlab.synthesis.listeners import (
    Heard,
    Listener,
    Natural,
    Progress,
    TrainedListener,
)
from quantlab.synthesis.listening_plan import (
    ClipTable,
    ListeningSettings,
    Source,
    clip_key,
    clip_stem,
    make_plan,
    spread_lams,
)
from quantlab.synthesis.listening_source import (
    COLUMNS,
    SOUNDS_FILE,
    SourceSession,
    Studio,
    labelled_clip,
    read_references,
)
from quantlab.synthesis.listening_summary import listening_summary
from quantlab.synthesis.vocoders import Vocoder

_FORMAT = 1  # raise when the same settings and clips give other rows
_DECIMALS = 9


@dataclass(frozen=True, eq=False)
class Listening:
    """What a listening loop found.

    Attributes
    ----------
    rows : pd.DataFrame
        One row per source, target, method, codec, λ and listener. `method` is ``source``,
        ``copy_synthesis``, ``reconstruction``, ``reference`` (the natural clip that the emotion
        comes from), ``conversion`` or ``quantized``. `posterior` and `attraction` (degrees) are
        those of the target; ``posterior_<emotion>`` and ``attraction_<emotion>`` of every emotion.
        Speaker and distortion columns do not depend on the target where nothing was converted.
    summary : pd.DataFrame
        See `listening_summary`.
    skipped : pd.DataFrame
        Clips that could not be used: path, error, reason.
    """

    rows: pd.DataFrame
    summary: pd.DataFrame
    skipped: pd.DataFrame


def listening_loop(
    clips: ClipTable,
    folder: str | Path,
    *,
    decoder: Decoder,
    vocoder: Vocoder,
    listeners: Sequence[Listener],
    codecs: Mapping[str, Codec] | None = None,
    settings: ListeningSettings | None = None,
    keep: bool = False,
    about: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Listening:
    """Convert clips to other emotions over codecs and λ, and say what is heard.

    Parameters
    ----------
    clips : ClipTable
        Clips with labels, a `quantlab.corpora.Manifest` for instance.
    folder : str or Path
        Where rows, tables and sounds go. A run that was stopped goes on where it was.
    decoder, vocoder : Decoder, Vocoder
        What is judged.
    listeners : Sequence[Listener]
        Who judges it, of distinct names.
    codecs : Mapping[str, Codec], optional
        Name to codec, trained on vectors of the decoder's embedder.
    settings : ListeningSettings, optional
        Sources, targets, λ, probe and seed.
    keep : bool
        Whether to keep the sound of every source; that of the first source is always kept.
    about : Mapping[str, Any], optional
        What else the card says, the command for instance.
    progress : callable, optional
        Called with (sources done, sources).

    Returns
    -------
    Listening
        Equal arguments give equal tables. They are also written to `folder`: ``listening.parquet``,
        ``summary.parquet``, ``summary.csv``, ``skipped.csv`` and ``listening.json``.

    Raises
    ------
    InputError
        Clips, listeners or codecs cannot be used, or no source could be converted.
    KeyboardInterrupt
        The user interrupted; finished sources are kept.
    """
    chosen = settings or ListeningSettings()
    names = [listener.name for listener in listeners]
    if not names or len(set(names)) < len(names):
        raise InputError(f"listeners need distinct names, given {', '.join(names) or 'none'}")
    if chosen.probe == "svm":
        raise InputError("a support vector machine gives no probabilities; take logistic or mlp")
    with single_thread():
        loop = _Loop(clips, Path(folder), decoder, vocoder, listeners, codecs or {}, chosen, keep)
        return loop.run(about or {}, progress)


class _Loop:
    def __init__(
        self,
        clips: ClipTable,
        folder: Path,
        decoder: Decoder,
        vocoder: Vocoder,
        listeners: Sequence[Listener],
        codecs: Mapping[str, Codec],
        settings: ListeningSettings,
        keep: bool,
    ) -> None:
        self.clips, self.items, self.folder = clips, clips.items, folder
        self.decoder, self.vocoder, self.listeners = decoder, vocoder, listeners
        self.settings, self.keep = settings, keep
        self.plan = make_plan(self.items, decoder.card().get("trained_on", []), settings)
        self.codecs = {
            name: (codec, settings.lams or spread_lams(codec.ladder_, settings.num_lams))
            for name, codec in codecs.items()
        }
        self.skipped: list[tuple[str, str, str]] = []
        self.trained: dict[str, TrainedListener] = {}
        self.identity = fingerprint(self._identity())

    def _identity(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "settings": self.settings,
            "decoder": self.decoder.card(),
            "vocoder": vocoder_card(self.vocoder),
            "listeners": {part.name: part.fingerprint() for part in self.listeners},
            "codecs": {
                name: [codec.fingerprint(), list(lams)]
                for name, (codec, lams) in self.codecs.items()
            },
            "natural": [self._sha256(row) for row in self.plan.natural],
        }

    def run(self, about: Mapping[str, Any], progress: Progress | None) -> Listening:
        """Do what is left to do; write and return the tables."""
        self.trained = {part.name: self._train(part) for part in self.listeners}
        self.studio = Studio(
            self.decoder, self.vocoder, self.trained, self.codecs, self.settings.seed
        )
        tables = []
        for place, source in enumerate(self.plan.sources):
            try:
                tables.append(self._rows_of(source, sounds=self.keep or place == 0))
            except (InputError, IntegrityError) as error:
                self._skip(source.row, error)
            if progress is not None:
                progress(place + 1, len(self.plan.sources))
        skipped = pd.DataFrame(self.skipped, columns=["path", "error", "reason"], dtype=str)
        if not tables:
            raise InputError(f"no source could be converted; first: {skipped['reason'].iloc[0]}")
        rows = pd.concat(tables, ignore_index=True)
        done = Listening(rows, listening_summary(rows), skipped)
        self._write(done, about)
        return done

    def _write(self, done: Listening, about: Mapping[str, Any]) -> None:
        write_table(self.folder / "listening.parquet", done.rows, schema=self._schema())
        kinds = {"num_items": "int64", "num_speakers": "int64"} | dict.fromkeys(
            ("lam", "value", "low", "high", "chance"), "float64"
        )
        schema = {name: kinds.get(name, "string") for name in done.summary.columns}
        write_table(self.folder / "summary.parquet", done.summary, schema=schema)
        write_csv(self.folder / "summary.csv", done.summary)
        write_csv(self.folder / "skipped.csv", done.skipped)
        decoder = {key: value for key, value in self.decoder.card().items() if key != "trained_on"}
        card = {
            "kind": "listening",
            "identity": self.identity,
            "settings": self.settings.model_dump(mode="json"),
            "decoder": decoder,
            "vocoder": vocoder_card(self.vocoder),
            "listeners": [part.name for part in self.listeners],
            "codecs": {
                name: {
                    "fingerprint": codec.fingerprint(),
                    "recipe": codec.card_.get("recipe", ""),
                    "licence": codec.card_.get("licence", ""),
                    "lams": list(lams),
                }
                for name, (codec, lams) in self.codecs.items()
            },
            "texts": list(self.plan.texts),
            "num_sources": len(self.plan.sources),
            "num_natural": len(self.plan.natural),
            **about,
            "provenance": provenance(),
        }
        write_json(self.folder / "listening.json", card)

    # Natural speech

    def _train(self, listener: Listener) -> TrainedListener:
        natural = self._natural(listener)
        return TrainedListener.of(
            listener, natural, probe=self.settings.probe, seed=self.settings.seed
        )

    def _natural(self, listener: Listener) -> Natural:
        """Return natural speech as a listener takes it in, from the folder where it is kept."""
        rows = self.plan.natural
        key = fingerprint([listener.fingerprint(), [self._sha256(row) for row in rows]])
        path = self.folder / "natural" / f"{key[:SHORT_FINGERPRINT]}.safetensors"
        try:
            kept = load_tensors(path)
            # Say again why the others were left out.
            self._heard(listener, np.delete(rows, kept["places"]).tolist())
        except (InputError, IntegrityError):
            kept = self._hear_natural(listener, rows)
            save_tensors(path, kept)
        labels = self.items.iloc[[rows[place] for place in kept["places"]]]
        return Natural(
            emotion=kept["emotion"],
            speaker=kept["speaker"],
            emotions=labels["emotion"].to_numpy(str),
            speakers=labels["speaker"].to_numpy(str),
        )

    def _hear_natural(self, listener: Listener, rows: Sequence[int]) -> dict[str, np.ndarray]:
        heard = self._heard(listener, rows)
        if not heard:
            raise InputError(f"no natural clip could be used; first: {self.skipped[0][2]}")
        places = {row: place for place, row in enumerate(rows)}
        return {
            "emotion": np.stack([part.emotion for part in heard.values()]),
            "speaker": np.stack([part.speaker for part in heard.values()]),
            "places": np.array([places[row] for row in heard], np.int64),
        }

    def _heard(self, listener: Listener, rows: Sequence[int]) -> dict[int, Heard]:
        """Return what a listener takes in of rows, by row; clips that cannot be used are noted."""
        heard = {}
        for row in rows:
            try:
                clip = self.clips.read_clip(row)
                refuse_silent(clip, "the clip")
                heard[row] = listener.hear(clip)
            except (InputError, IntegrityError) as error:
                self._skip(row, error)
        return heard

    def _skip(self, row: int, error: Exception) -> None:
        entry = (str(self.items["path"].iloc[row]), type(error).__name__, str(error))
        if entry not in self.skipped:
            self.skipped.append(entry)

    def _sha256(self, row: int) -> str:
        return clip_key(self.items, row)

    # One source

    def _rows_of(self, source: Source, *, sounds: bool) -> pd.DataFrame:
        """Return the rows of a source, made now or kept from before."""
        references = [(target, self._sha256(row)) for target, row in source.references]
        key = fingerprint([self.identity, self._sha256(source.row), references])
        path = self.folder / "rows" / f"{key[:SHORT_FINGERPRINT]}.parquet"
        audio = self.folder / "audio" / clip_stem(self.items, source.row)
        if self._finished(path, key) and (audio / SOUNDS_FILE).is_file() >= sounds:
            return read_table(path)
        made = SourceSession(
            self.studio,
            labelled_clip(self.clips, source.row),
            read_references(self.clips, source.references),
            audio=audio if sounds else None,
        )
        table = pd.DataFrame(made.rows(), columns=list(self._schema()))
        reals = table.select_dtypes("float64").columns
        table = table.assign(**{name: table[name].round(_DECIMALS) for name in reals})
        write_table(path, table, schema=self._schema(), metadata={"fingerprint": key})
        return table

    def _finished(self, path: Path, key: str) -> bool:
        try:
            if table_metadata(path).get("fingerprint") != key:
                return False
            read_table(path)
        except (InputError, IntegrityError):
            return False
        return True

    def _schema(self) -> dict[str, str]:
        emotions = next(iter(self.trained.values())).emotion_probe.classes
        single = [f"{kind}_{name}" for kind in ("posterior", "attraction") for name in emotions]
        return COLUMNS | dict.fromkeys(single, "float64")

"""A mixed reference: the mean vectors of two emotions, mixed by weight and quantized again."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from quantlab.codebooks import Codec
from quantlab.errors import QuantlabError
from quantlab.figures import RunTables, mixture_angles, number, run_stamp
from quantlab.synthesis import Mixture, mix_references, reference_archive
from views import choices, shell, sound

_SHARES = tuple(round(0.05 * step, 2) for step in range(21))


def show(run: RunTables) -> None:
    """Draw the view."""
    means = _means(run)
    sets = {name: path for name, path in sound.codec_sets(run).items() if path.parent == run.path}
    if means is None or not sets or len(means) < 2:
        st.info(
            "The run's embeddings or codecs are not on this machine; type "
            f"`quantlab sweep {shell.text(str(run.path))}` where they are.",
            icon=":material/hourglass_bottom:",
        )
        return
    names = [name for name in run.emotions if name in means]
    first, second, third = st.columns(3)
    with first:
        one = choices.choose("First emotion", names, str, key="first")
    with second:
        other = choices.choose("Second emotion", [n for n in names if n != one], str, key="second")
    try:
        with third:
            codec = sound.choose_codec(next(iter(sets.values())))
        share = choices.choose_number(f"Share of {one}", _SHARES, default=0.5, key="share")
        lam = choices.choose_lam(codec.ladder_, default=codec.ladder_[0])
        pair = {one: means[one], other: means[other]}
        mixed = mix_references(pair, {one: share, other: 1 - share}, codec, lam=lam)
        figure = _over_shares(run, codec, pair, lam, share)
    except QuantlabError as error:
        st.error(shell.text(str(error)), icon=":material/error:")
        return
    _numbers(mixed)
    shell.show_figure(
        figure, name="mixture", alt="Angles of the mixture to both references", min_width=700
    )
    name = f"reference-{one}-{other}-{number(share)}-lam{number(lam)}"
    st.download_button(
        "Mixed reference for a synthesizer (.npz and card)",
        data=lambda: reference_archive(mixed.reference, name=name),
        file_name=f"{name}.zip",
        mime="application/zip",
        key="download-mixture",
        on_click="ignore",
        icon=":material/download:",
    )
    st.caption(
        "References are the mean vectors of all clips of an emotion. The mixture is their "
        "weighted mean, coded again. Such means lie near the mean of all clips: where the codec "
        "sends that mean itself, there is no direction and no angle. A codebook trained on both "
        "emotions is made for it "
        "(`quantlab train RUN --recipe mixed:sad=.5,happy=.5`)."
    )


def _means(run: RunTables) -> dict[str, np.ndarray] | None:
    try:
        return sound.emotion_means(str(run.path), run_stamp(run.path))
    except QuantlabError:
        return None


def _over_shares(
    run: RunTables, codec: Codec, pair: dict[str, np.ndarray], lam: float, share: float
) -> go.Figure:
    one, other = pair
    found = [mix_references(pair, {one: w, other: 1 - w}, codec, lam=lam) for w in _SHARES]
    return mixture_angles(
        _SHARES,
        [mixture.angles for mixture in found],
        [mixture.angles_plain for mixture in found],
        share=share,
        lam=lam,
        recipe=str(codec.card_.get("recipe") or "balanced"),
        context=run.context(dark=shell.is_dark()),
    )


def _numbers(mixed: Mixture) -> None:
    clip = mixed.reference.card.clips[0]
    shown = [(f"{clip.rate_bits:.1f} bits", "code length of the mixture")]
    shown += [
        (f"{angle:.0f}°" if np.isfinite(angle) else "–", f"to {name}")
        for name, angle in mixed.angles.items()
    ]
    shown.append((f"{clip.cos_centred:.2f}", "centred cosine to the plain mixture"))
    shell.cards(shown)

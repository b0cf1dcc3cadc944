"""Heat maps with their values printed in the cells."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from quantlab.figures.canvas import Canvas
from quantlab.figures.marks import CUSTOM
from quantlab.figures.palette import diverging, fade, ink, sequential
from quantlab.figures.words import fixed, interval_text, lam_text, plain


def add_cells(
    canvas: Canvas,
    rows: pd.DataFrame,
    *,
    row_names: Sequence[str],
    column_names: Sequence[str],
    places: Sequence[tuple[int, int]],
    quantity: str,
    limits: tuple[float, float],
    decimals: int = 2,
    unit: str = "",
    texts: Sequence[str] | None = None,
    over_lam: bool = True,
) -> None:
    """Add a heat map with its values printed.

    Parameters
    ----------
    canvas : Canvas
        With one panel; changed in place.
    rows : pd.DataFrame, M rows
        Columns lam, value, low, high, num_items, num_speakers.
    row_names, column_names : sequence of str
        Labels; escaped here.
    places : sequence of tuple of int, length M
        Row and column of each row of the table.
    quantity : str
        What is shown, for exports.
    limits : tuple of float
        Ends of the colour scale; symmetric ones get the diverging scale.
    decimals, unit : int, str
        For the printed values.
    texts : sequence of str, length M, optional
        What is printed instead of the values.
    over_lam : bool
        Whether the values belong to a λ, which is then told on hovering.
    """
    shape = (len(row_names), len(column_names))
    values, custom = np.full(shape, np.nan), np.full((*shape, len(CUSTOM)), np.nan)
    printed, hover = np.full(shape, "", dtype=object), np.full(shape, "", dtype=object)
    table = rows[[*CUSTOM, "value"]].to_numpy(np.float64)
    for at, row, place in zip(places, table, range(len(table)), strict=True):
        lam, low, high, _, _, value = row
        values[at], custom[at] = value, row[:-1]
        printed[at] = texts[place] if texts is not None else fixed(value, decimals=decimals)
        names = f"<b>{plain(row_names[at[0]])}</b>, {plain(column_names[at[1]])}"
        number = interval_text(value, low, high, decimals=decimals)
        place_of_lam = f"{lam_text(lam)}<br>" if over_lam else ""
        hover[at] = f"{names}<br>{place_of_lam}{number} {unit}".rstrip()
    dark = canvas.context.dark
    colors = ink(dark=dark)
    signed = limits[0] < 0
    canvas.cells(
        {
            "z": values,
            "x": [plain(name) for name in column_names],
            "y": [plain(name) for name in row_names],
            "text": printed,
            "texttemplate": "%{text}",
            "textfont": {"size": 12},
            "hovertext": hover,
            "hovertemplate": "%{hovertext}<extra></extra>",
            "customdata": custom,
            "colorscale": diverging(dark=dark) if signed else sequential(dark=dark),
            "zmin": limits[0],
            "zmax": limits[1],
            "xgap": 2,
            "ygap": 2,
            "colorbar": {"thickness": 12, "outlinewidth": 0, "tickfont": {"color": colors.muted}},
            "meta": {"panel": "", "series": "", "quantity": quantity},
        }
    )
    blank = {"showgrid": False, "showline": False, "tickcolor": fade(colors.paper, 0)}
    canvas.y_axis(autorange="reversed", ticklen=6, **blank)
    canvas.x_axis(type="category", **blank)

"""The explorer: look at runs in the browser, and listen.

Start it from the repository's root with ``streamlit run apps/explorer.py``. It opens the run named
by ``?run=`` (``demo`` where there is one) in the folder that the environment variable
``QUANTLAB_RUNS`` names, by default ``runs``. Pages of figures compute nothing: every number was
computed by `quantlab sweep`. Only pages with sound, and your own clip, run a model.
"""

import streamlit as st
from views import shell

# Drawn here because named icons and emoji are fetched from elsewhere.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path d="M3 8h8l6 16h12" fill="none" stroke="#1d5c94" stroke-width="4"/></svg>'
)
_PAGES = {
    "": [("overview", "Overview", "insights")],
    "Curves": [
        ("similarity", "Similarity and accuracy", "show_chart"),
        ("rate", "Rate", "compress"),
        ("drift", "Drift", "moving"),
        ("compare", "Compare", "difference"),
    ],
    "Codebooks": [
        ("biased", "Biased codebooks", "filter_alt"),
        ("mixed", "Mixed emotions", "join_inner"),
    ],
    "Sound": [
        ("listen", "Listen", "headphones"),
        ("clip", "Your clip", "mic"),
    ],
    "Models": [
        ("disentanglement", "Disentanglement", "call_split"),
        ("methods", "Methods", "menu_book"),
    ],
}


def _page(name: str, title: str, icon: str) -> st.Page:
    return st.Page(
        f"views/{name}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path=name,
        default=name == "overview",
    )


st.set_page_config(page_title="quantlab explorer", page_icon=_ICON, layout="wide")

sections = {group: [_page(*one) for one in pages] for group, pages in _PAGES.items()}
page = st.navigation(sections, position="top")
shell.choose_run()
page.run()

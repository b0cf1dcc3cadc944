"""The explorer: look at a run in the browser.

Start it from the repository's root with ``streamlit run apps/explorer.py``. It opens the run named
by ``?run=`` (``demo`` where there is one) in the folder that the environment variable
``QUANTLAB_RUNS`` names, by default ``runs``. It computes nothing: every number was computed by
`quantlab sweep`.
"""

import streamlit as st
from views import shell

# Drawn here because named icons and emoji are fetched from elsewhere.
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path d="M3 8h8l6 16h12" fill="none" stroke="#1d5c94" stroke-width="4"/></svg>'
)

st.set_page_config(page_title="quantlab explorer", page_icon=_ICON, layout="wide")

page = st.navigation(
    [
        st.Page(
            "views/overview.py",
            title="Overview",
            icon=":material/insights:",
            url_path="overview",
            default=True,
        ),
        st.Page(
            "views/emotions.py",
            title="Emotions",
            icon=":material/sentiment_satisfied:",
            url_path="emotions",
        ),
        st.Page(
            "views/biased.py",
            title="Biased codebooks",
            icon=":material/filter_alt:",
            url_path="biased",
        ),
        st.Page(
            "views/compare.py",
            title="Compare",
            icon=":material/difference:",
            url_path="compare",
        ),
    ],
    position="top",
)
shell.choose_run()
page.run()

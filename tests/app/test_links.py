"""Any view is a link: what it names is opened, and what does not fit is dropped."""

import pytest

from tests.app.conftest import OpenPage, charts, series, sound


def test_links_open_the_same_view(open_page: OpenPage) -> None:
    app = sound(
        open_page(
            "similarity",
            view="Similarity",
            metric="raw cosine between time means",
            codebook="sad codebook",
            protocol="new sentences of known speakers",
            emotion=["sad", "happy"],
        )
    )
    assert app.selectbox(key="codebook").value == "sad codebook"
    assert app.multiselect(key="emotion").value == ["sad", "happy"]
    chart = charts(app)[0]
    assert chart["layout"]["yaxis"]["title"]["text"] == "raw cosine between time means"
    assert "neutral" not in series(chart)


CONTROLS = {
    "overview": ("run", "curve", "metric", "protocol"),
    "similarity": ("run", "view", "metric", "codebook", "protocol", "emotion", "over"),
    "rate": ("run", "view", "codebook", "protocol", "emotion"),
    "biased": ("run", "view", "metric", "protocol", "codebooks", "emotion"),
}


@pytest.mark.parametrize("page", list(CONTROLS))
@pytest.mark.parametrize("value", ["nan", "<script>alert(1)</script>", "../../etc/passwd"])
def test_bad_links_are_dropped(open_page: OpenPage, page: str, value: str) -> None:
    app = sound(open_page(page, **{name: value for name in CONTROLS[page]}))
    assert app.selectbox(key="run").value == "demo"
    assert len(charts(app)) >= 1
    assert value not in app.query_params.values()


def test_a_link_of_a_megabyte_opens_the_page(open_page: OpenPage) -> None:
    app = sound(open_page(run="x" * 2**20, metric="x" * 100))
    assert app.selectbox(key="run").value == "demo"
    assert len(charts(app)) == 1

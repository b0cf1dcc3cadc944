"""Buttons that save the picture of a figure as it stands: PNG and SVG, made by the browser.

The figure's own tool bar draws the picture, so that zoom, rotation and λ are those on the screen
and no browser is needed on the server.
"""

from streamlit.components.v2 import component

_HTML = """<div class="pictures">
<button type="button" data-format="png">PNG</button>
<button type="button" data-format="svg">SVG</button>
</div>"""

_CSS = """.pictures { display: flex; gap: .35rem; }
button { font: inherit; font-size: .9rem; color: inherit; background: none; cursor: pointer;
  border: 0; border-radius: 8px; padding: .3rem .55rem; min-height: 2.3rem; opacity: .85; }
button::before { content: "⤓"; margin-right: .35rem; }
button:hover { color: var(--st-primary-color); opacity: 1; }
button:focus-visible { outline: 2px solid var(--st-primary-color); }"""

_JS = """export default function ({ parentElement, data }) {
  for (const button of parentElement.querySelectorAll("button")) {
    const format = button.dataset.format;
    button.setAttribute("aria-label", `Save ${data.title} as ${format.toUpperCase()}`);
    button.onclick = () => {
      const plot = document.querySelector(`.st-key-plot-${data.name} .js-plotly-plot`);
      const bar = plot ? plot.querySelectorAll(".modebar-btn") : [];
      const camera = [...bar].find((one) => /download/i.test(one.getAttribute("data-title") || ""));
      if (!camera) return;
      // What the button of the tool bar reads when it is pressed.
      plot._context.toImageButtonOptions = {
        format, filename: data.file, scale: format === "png" ? 2 : 1,
      };
      camera.click();
    };
  }
}"""

_buttons = component("quantlab_pictures", html=_HTML, css=_CSS, js=_JS)


def picture_buttons(name: str, *, file: str, title: str) -> None:
    """Show the buttons of one figure.

    Parameters
    ----------
    name : str
        The figure stands in the container with the key ``plot-<name>``.
    file : str
        Name of the files, without ending.
    title : str
        What the figure shows, for readers who cannot see it.
    """
    data = {"name": name, "file": file, "title": title}
    _buttons(key=f"pictures-{name}", data=data, width="content")

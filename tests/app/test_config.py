"""The explorer's configuration is read from beside the script, whatever folder it is started in."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.app.conftest import EXPLORER

ROOT = EXPLORER.parents[1]


def test_the_configuration_keeps_to_this_machine() -> None:
    config = tomllib.loads((EXPLORER.parent / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["maxUploadSize"] == 20
    assert config["server"]["enableXsrfProtection"] is True
    assert config["server"]["enableCORS"] is True
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"


def test_streamlit_reads_it_when_started_from_the_root(tmp_path: Path) -> None:
    code = (
        "from streamlit import config\n"
        f"config._main_script_path = {str(EXPLORER)!r}\n"
        "config.get_config_options(force_reparse=True)\n"
        "print(config.get_option('server.address'), config.get_option('browser.gatherUsageStats'),"
        " config.get_option('client.showErrorDetails'),"
        " config.get_option('theme.light.primaryColor'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["127.0.0.1", "False", "none", "#1d5c94"]


def test_pages_load_no_torch() -> None:
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(EXPLORER.parent)!r})\n"
        "from views import shell\n"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)

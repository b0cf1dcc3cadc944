"""YAML and JSON: read strictly, written atomically.

YAML is loaded without tags, anchors or duplicate keys. JSON refuses NaN, which no other program
reads.
"""

import json
from pathlib import Path
from typing import Any

from quantlab.errors import ConfigError, InputError, IntegrityError
from quantlab.store.files import write_text

_YAML_LIMIT = 1 << 20


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN and infinities raise ValueError."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Return the content of the file that `write_json` writes."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        The file is missing or unreadable.
    IntegrityError
        The content is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise IntegrityError(f"{path} is damaged, not JSON: {error}") from error


def write_yaml(path: str | Path, value: Any) -> None:
    """Write plain mappings, sequences, strings and numbers as YAML in the given key order."""
    import yaml

    write_text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping; tags, anchors, duplicate keys and oversized files are refused.

    Raises
    ------
    InputError
        The file is missing or unreadable.
    ConfigError
        The file is not a plain YAML mapping.
    """
    import yaml

    source = Path(path)
    try:
        if source.stat().st_size > _YAML_LIMIT:
            raise ConfigError(f"{path} is larger than 1 MiB, too large for settings")
        text = source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error.reason}") from error
    try:
        _refuse_anchors(text)
        value = yaml.load(text, Loader=_strict_loader())  # noqa: S506 (a SafeLoader subclass)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not plain YAML: {' '.join(str(error).split())}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path} must hold key: value pairs at its top level")
    return value


def _refuse_anchors(text: str) -> None:
    import yaml

    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise ConfigError(f"line {line}: aliases (*name) are not allowed; write the value out")


def _strict_loader() -> Any:
    """Return a safe YAML loader that refuses duplicate keys and reads 1e-3 as a number."""
    import re

    import yaml

    class StrictLoader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    line = key_node.start_mark.line + 1
                    raise ConfigError(f"line {line}: key '{key}' stands twice; keep one")
                seen.add(key)
            return super().construct_mapping(node, deep=deep)

    # YAML 1.1 takes 1e-3 for a string because the mantissa has no point; nobody means that.
    StrictLoader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )
    return StrictLoader

"""Settings that may hold a secret: given as a variable, or as a file that another variable names."""

import os
from collections.abc import Mapping
from pathlib import Path

from models.errors import InputError


def secret(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """The value of `name`, or what stands in the file that `name` with `_FILE` names; "" where neither is set.

    A container's engine shows its variables to everybody who may look at it, and a file only to the process. Raises
    `InputError` naming the variable, never what it holds.
    """
    value, file = environment.get(name, ""), environment.get(f"{name}_FILE", "")
    if not file:
        return value
    if value:
        raise InputError(f"{name} and {name}_FILE: both are set; set one of them")
    try:
        content = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fault = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{name}_FILE: {file} cannot be read ({fault}); user {os.getuid()} must be able to") from None
    if not content:
        raise InputError(f"{name}_FILE: {file} is empty; write the value of {name} into it")
    return content

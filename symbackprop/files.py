"""Write files whole or not at all.

Imports `errors` only.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from symbackprop.errors import OutputError


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Put `text` at `path` in UTF-8 with `\n` line ends, atomically.

    The text goes to a new file beside the target, which then takes the target's name: whoever reads
    `path` sees the old content or the new, and a failure leaves the old.

    Parameters
    ----------
    path : str or path
        Where to write. A symbolic link is followed; a device or a pipe is written to directly.
    text : str
        The whole content.

    Raises
    ------
    OutputError
        When the place cannot be written; nothing was changed.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Put `content` at `path` atomically, as `write_text` does.

    Raises
    ------
    OutputError
        When the place cannot be written; nothing was changed.
    """
    named = Path(path)
    try:
        target = named.resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(content)
        else:
            _replace(target, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f'cannot write "{named}": {reason}', help=_advice(named)) from error


def _replace(target: Path, content: bytes) -> None:
    """Write beside the target and rename, keeping the mode of the file that is replaced."""
    if target.is_dir():
        raise IsADirectoryError(0, "it is a folder")
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        if mode is not None:
            beside.chmod(mode)
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


_BINARY: int = getattr(os, "O_BINARY", 0)
"""Windows translates line ends unless it is told not to."""


def _advice(path: Path) -> str:
    """Say what to do about a place that cannot be written."""
    if path.is_dir():
        return f'give a file name, such as "{path / "module.py"}"'
    if not path.parent.exists():
        return f'make the folder "{path.parent}" first'
    return "give another place, or change the permissions of this one"

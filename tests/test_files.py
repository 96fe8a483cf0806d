"""A file is written whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from symbackprop import files
from symbackprop.errors import OutputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_utf8_with_plain_line_ends(tmp_path):
    files.write_text(tmp_path / "a.txt", "∂L\nx\n")
    assert (tmp_path / "a.txt").read_bytes() == "∂L\nx\n".encode()
    assert names(tmp_path) == ["a.txt"]


def test_replacing_keeps_the_mode_and_follows_links(tmp_path):
    target = tmp_path / "script.py"
    target.write_text("old")
    target.chmod(0o755)
    (tmp_path / "link").symlink_to(target)
    files.write_text(tmp_path / "link", "new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "link").is_symlink()


def test_a_new_file_obeys_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "a", "")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "a"
    target.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        files.write_text(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_the_message_names_the_place_and_the_mend(tmp_path):
    with pytest.raises(OutputError) as missing:
        files.write_text(tmp_path / "no" / "a.py", "")
    assert "no/a.py" in str(missing.value)
    assert "make the folder" in str(missing.value)
    with pytest.raises(OutputError, match="give a file name"):
        files.write_text(tmp_path, "")


def test_a_device_is_written_to_directly():
    files.write_text(os.devnull, "gone")
    assert not Path(os.devnull).is_file()


def test_readers_never_see_half_a_file(tmp_path):
    target = tmp_path / "a"
    texts = {"a" * 200_000, "b" * 200_000}
    target.write_text("a" * 200_000)
    seen = []
    done = threading.Event()

    def read():
        while not done.is_set():
            seen.append(target.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for text in sorted(texts) * 10:
        files.write_text(target, text)
    done.set()
    reader.join()
    assert set(seen) <= texts

import pytest

from jova.files import atomic_path


def test_a_file_appears_whole_and_the_old_one_stands_until_then(tmp_path):
    target = tmp_path / "deep" / "clip.mp4"
    with atomic_path(target) as unfinished:
        assert unfinished.suffix == ".mp4"  # encoders choose the container by it
        unfinished.write_text("new")
        assert not target.exists()
    with atomic_path(target) as unfinished:
        unfinished.write_text("newer")
        assert target.read_text() == "new"
    assert target.read_text() == "newer"
    assert [path.name for path in target.parent.iterdir()] == ["clip.mp4"]


def test_a_file_has_the_mode_of_any_other_whatever_wrote_it(tmp_path):
    (tmp_path / "other").touch()
    with atomic_path(tmp_path / "weights") as unfinished:
        unfinished.unlink()
        unfinished.touch(mode=0o600)  # as safetensors does
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "state"
    target.write_text("old")

    def write_half():
        with atomic_path(target) as unfinished:
            unfinished.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]

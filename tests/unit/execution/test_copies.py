"""Copies of files of other machines."""

from pathlib import Path

from jova_bench.execution.copies import Copies


def test_copies_of_anothers_files_are_fetched_once_and_the_latest_stay(tmp_path):
    fetched = []

    def read(path):
        fetched.append(path.name)
        return path.name.encode()

    copies = Copies(read, kept=2)
    one = copies.get(Path("/far/one.mp4"))
    assert (one.name, one.read_bytes()) == ("one.mp4", b"one.mp4")
    two, also_one = copies.get(Path("/far/two.mp4")), copies.get(Path("/near/one.mp4"))
    assert also_one != one
    assert copies.get(Path("/far/two.mp4")) == two
    # The oldest went when the third came, and comes back when it is asked for.
    assert [path.exists() for path in (one, two, also_one)] == [False, True, True]
    assert copies.get(Path("/far/one.mp4")) == one
    assert fetched == ["one.mp4", "two.mp4", "one.mp4", "one.mp4"]
    # What was asked for last is kept: two.mp4 was, after the other one.mp4.
    assert [path.exists() for path in (one, two, also_one)] == [True, True, False]
    copies.close()
    assert not one.exists()

"""Footnotes: one line for each kind of reason, and every reason in full where it stands alone."""

from jova_bench.report.notes import Notes


def weights(*names, terms=""):
    return f"weights missing: jova-bench assets pull {' '.join(names)}{terms}"


NONE = "the suite names no reference set"
PAGE = "(docs/reference-sets.md of our repository)"
SIZES = "takes 1,200 clips on each side (kvd takes 10, fvd@javisbench takes 2, from the prompts' own clips)"


def test_a_reason_of_its_own_stands_in_full():
    notes = Notes()
    assert notes.number({}) is None
    assert [notes.number({"silent": 3}), notes.number({"silent": 4}), notes.number({"silent": 3})] == [1, 2, 1]
    alone = f"{NONE}; fvd {SIZES} {PAGE}; {weights('i3d')}"
    assert notes.number({alone: 3}) == 3
    assert notes.number({"b": 1, "a": 2}) == 4
    assert notes.lines() == ["silent (3 clips)", "silent (4 clips)", f"{alone} (3 clips)", "a (2 clips); b (1 clip)"]


def test_what_lacks_weights_is_one_line_with_one_command():
    notes = Notes()
    found = [
        notes.number({weights("syncnet", "s3fd"): 3}),
        notes.number({weights("nisqa-v2", terms=" --accept non-commercial"): 3}),
        notes.number({weights("s3fd", "facenet", terms=" --accept non-commercial --accept agpl"): 3}),
        notes.number({weights("syncnet"): 2}),
    ]
    assert found == [1, 1, 1, 2]
    terms = " --accept non-commercial --accept agpl"
    assert notes.lines() == [
        f"{weights('syncnet', 's3fd', 'nisqa-v2', 'facenet', terms=terms)} (3 clips)",
        f"{weights('syncnet')} (2 clips)",
    ]


def test_distances_without_real_clips_are_one_line():
    notes = Notes()
    for name, asset in (("fvd", "i3d"), ("kvd", "i3d"), ("fd_panns", "panns")):
        reason = f"{NONE}; {name} takes 6,144 clips on each side {PAGE}; {weights(asset)}"
        assert notes.number({reason: 3}) == 1
    assert notes.lines() == [f"{NONE} {PAGE}; {weights('i3d', 'panns')} (3 clips)"]


def test_many_reasons_of_one_kind_are_the_first_and_a_count():
    notes = Notes()
    notes.number({f"too short: 0.{k} s of sound, 0.5 s needed": 2 for k in (1, 2, 3, 4)} | {"silent": 1})
    notes.number({f"no clip: cannot decode runs/x/{name}.mp4: the file ends early": 1 for name in "abc"})
    notes.number({"2 clips are fewer than 10": 1, "3 clips are fewer than 10": 1})
    assert notes.lines() == [
        "silent (1 clip); too short: 0.1 s of sound, 0.5 s needed, and 3 more like it (8 clips)",
        "no clip: cannot decode runs/x/a.mp4: the file ends early, and 2 more like it (3 clips)",
        "2 clips are fewer than 10 (1 clip); 3 clips are fewer than 10 (1 clip)",
    ]

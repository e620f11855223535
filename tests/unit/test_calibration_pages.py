"""What pages of calibrations say is what was measured."""

from support.committed import data, text


def calibration(name):
    """The result; the page has its tables and its picture."""
    from jova_bench.calibration.result import Calibration
    from jova_bench.calibration.tables import markdown, picture

    found = Calibration.model_validate(data(name))
    body = text(f"results/{name}.md").partition("## Calibration on")[2]
    assert f"## Calibration on{body}" == markdown(found).replace("\n## ", "\n### ").replace("# Cal", "## Cal", 1)
    assert text(f"results/{name}.svg") == picture(found)
    return found


def test_the_page_of_real_faces_is_that_of_its_numbers():
    found = {one.metric: one for one in calibration("calibration-faces").metrics}
    corr, offset = found["mouth_audio_corr"], found["mouth_audio_offset"]
    assert not any(r.p_holm is not None and r.p_holm < 0.05 for r in corr.responses)
    by_change = {r.change: r for r in corr.responses}
    assert (round(corr.unchanged.value, 2), round(by_change["other-sound"].level.value, 2)) == (0.22, 0.07)
    assert round(by_change["other-sound"].min_detectable, 2) == 0.38
    assert offset.unchanged.n_ok == 1
    assert {r.change for r in offset.responses if r.axis == "offset" and r.difference != r.strength} == {
        "offset-early-15"
    }
    shown = {r.change for r in found["lip_dynamics"].responses if r.p_holm is not None and r.p_holm < 0.05}
    assert shown == {"h264-28"}


def test_the_page_of_the_calibration_is_that_of_its_numbers():
    found = calibration("calibration")
    intro = text("results/calibration.md").partition("## Calibration on")[0]
    by_name = {one.label: {r.change: r for r in one.responses} | {"": one} for one in found.metrics}
    for judge in "ab":
        offsets = by_name[f"AV offset (frames) {judge} (embedded)"]
        exact = [offsets[f"offset-{side}-{k}"] for side in ("early", "late") for k in range(1, 16)]
        assert all((r.difference, r.ci, r.n) == (r.strength, (r.strength, r.strength), 16) for r in exact)
        for name in ("LSE-C", "LSE-D"):
            one = by_name[f"{name} {judge} (embedded)"]
            shares = {key: one[""].share_of_range(one[key]) for key in ("h264-28", "h264-18", "aac-48")}
            assert [f"{share:.2f}" for share in list(shares.values())[:2]] == ["0.14", "0.02"]
            assert f"{shares['aac-48']:.2f}" in ("0.01", "0.02")
    for name, smallest in (("Sync within 1 a", 2), ("LSE-D@0 a", 1), ("Mouth-audio corr", 1)):
        resolution = by_name[f"{name} (embedded)"][""].resolution
        assert (resolution.early, resolution.late) == (smallest, smallest)
    assert f"LSE-C a by {by_name['LSE-C a (embedded)']['offset-early-15'].difference:.3f} with" in intro
    assert f"goes to {by_name['WER (embedded)']['other-sound'].level.value:.2f} with" in intro
    dnsmos = by_name["DNSMOS (embedded)"]
    assert {f"{dnsmos[key].difference:.2f}" for key in ("offset-late-1", "sample-rate-44100", "sample-rate-48000")} == {
        "0.04", "0.07"
    }  # fmt: skip
    assert all(dnsmos[key].differs for key in ("offset-late-1", "sample-rate-44100", "sample-rate-48000"))

"""Every metric of the standard profile, clean and compat, from the command line to a finite number.

With random checkpoints in the published formats (`every_asset`), named by `--assets`, so that their digests stand in
the identities: nothing is faked behind the command line. PESQ and STOI want sound that follows its reference, which a
folder of clips cannot promise; they are asked of the codec round trip.
"""

import json
import math
from dataclasses import replace

import pytest

from jova_bench import cli
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build, build_all
from jova_bench.metrics.catalogue import CATALOGUE, WHISPER_SIZES
from jova_bench.metrics.prompt import video_score
from jova_bench.metrics.real_clips import ReferenceSet
from jova_bench.runs.store import read_run
from support import every_asset, talking_clips
from support.awkward_clips import AWKWARD, CACHE, PROMPT, REFERENCE, ask

STANDARD = [one for entry in CATALOGUE if entry.profile == "standard" for one in entry.choices()]
ALIGNED = ("pesq", "stoi")
MOVING = ("motion_score", "dynamic_degree", "motion_smoothness")
"""By RAFT and AMT, which have one size."""
SLOW = (
    "aesthetic_score",
    "imaging_quality",
    "mouth_quality",
    "face_quality",
    "head_dynamics@theval",
)
"""Every frame at length."""
LONG = (
    "desync",
    "imagebind_score",
    "mouth_audio_offset",
    "silent_lip_stability",
    "speaker_similarity",
    *(f"{name}@syncnet_python" for name in ("lse_c", "lse_d", "av_offset_frames")),
    *(f"{name}@wav2lip" for name in ("lse_c", "lse_d")),
)
"""What some bench asks of eight seconds or of a hundred frames, and ours of as many seconds of speech or of pauses."""
RAFT = ("motion_score", "dynamic_degree")
OPTIONAL = {
    "mediapipe": "pip install 'jova-bench[face-mediapipe]'",
    "its full range": "jova-bench assets pull mediapipe-blazeface-full",
    "its short range": "jova-bench assets pull mediapipe-blazeface-short",
    "its mesh": "jova-bench assets pull mediapipe-face-mesh",
    "silero-vad": "jova-bench assets pull silero-vad-5",
    "syncnet-pip": "pip install --no-deps syncnet-python",
    "funasr": "pip install funasr kaldi-native-fbank",
    "faster-whisper": "pip install 'jova-bench[faster-whisper]'",
    "its files": "jova-bench assets pull faster-whisper",
}
"""Packages that ask for others than the project's own (numpy below 2, torchvision) or for many, and what gets them.
Where one is not installed its metrics must say so; nothing else may be missing."""


UNANSWERED = {
    "mouth_audio_offset": "no offset stands out: ",
    **dict.fromkeys(video_score.NAMES, "VideoScore2 gives no mark for "),
}
"""What has no answer, and how the reason begins: the long clip is one clip three times, and a random network that is
asked for marks writes none."""


def of_a_set(entry):
    """Whether it has one value for all clips together."""
    return entry.real_clips is not None or entry.entry.name.startswith("is_")


def group(entry):
    """Which clips it is asked of."""
    if of_a_set(entry):
        return "short"
    if entry.entry.name.startswith("cp_"):
        return "dialogue"
    kinds = {"aligned": ALIGNED, "moving": MOVING, "brief": SLOW, "long": LONG}
    return next((kind for kind, names in kinds.items() if {entry.entry.name, entry.select} & {*names}), "plain")


def summed_up(table, prompts, folder):
    """What the command line writes of every metric, by identity (`_bare`)."""
    found = {}
    for name in ("long", "plain", "brief", "moving", "short", "dialogue", "aligned"):
        made = prompts.parent / "made" / name
        what = ["score", made, "--suite", prompts.with_name(f"{name}.jsonl")]
        lines = prompts.read_text().splitlines(keepends=True)
        what[-1].write_text("".join(line for line in lines if (made / f"{json.loads(line)['id']}.mp4").is_file()))
        if name == "aligned":
            what = ["run", "--model", "codec", "--suite", "embedded", "--limit", 1]
        wanted = ",".join(entry.select for entry in STANDARD if group(entry) == name)
        # In this process: workers would import and build everything again, and `test_hangs.py` shows that they agree.
        how = ["--profile", "standard", "--device", "cpu", "--workers", 0, "--assets", table, "--out", folder / name]
        assert cli.main([str(one) for one in (*what, *how, "--metrics", wanted)]) == 0
        run = read_run(folder / name)
        specs = {spec.identity: spec for spec in run.manifest.specs}
        found |= {_bare(specs[one.identity]): one for one in run.summary.estimates if one.slice is None}
    return found


def _bare(spec):
    """The identity without the digest of the real clips that a run found."""
    found = ReferenceSet.of(spec)
    return (spec if found is None else ReferenceSet(found.kind, None).put_into(spec)).identity


def fault(entry, estimate, why_not):
    """What is wrong with what a summary says of a metric, None when nothing is."""
    if why_not and any(how in why_not for how in OPTIONAL.values()):
        return None if set(estimate.reasons) == {why_not} else f"{estimate.reasons} for {why_not}"
    if entry.entry.name in UNANSWERED:
        (reason,) = estimate.reasons
        return None if reason.startswith(UNANSWERED[entry.entry.name]) else reason
    if why_not or estimate.reasons or estimate.value is None or not math.isfinite(estimate.value):
        return why_not or f"{estimate.value}, {dict(estimate.reasons)}"
    clips = talking_clips.MANY if of_a_set(entry) else 1
    return None if estimate.n_ok == clips else f"{estimate.n_ok} of {clips} clips"


def digests(entry, own):
    """Of the files that a metric needs. FunASR's stand in one digest together; of mediapipe's, each by itself."""
    needed = [name for name, one in own.entries.items() if one.serves(entry.entry.name, entry.variant)]
    return {own.digest(name) for name in needed if name not in every_asset.NOT_MADE}


def test_every_asset_has_a_checkpoint():
    assert set(every_asset.WRITERS) | every_asset.NOT_MADE == set(assets.published())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A user's table of assets with a checkpoint for each."""
    return every_asset.write(tmp_path_factory.mktemp("assets"))


@pytest.mark.slow
def test_every_metric_runs_its_whole_path_to_a_number(table, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "cache"))
    estimates = summed_up(table, talking_clips.write_suite(tmp_path / "suite"), tmp_path)
    assert len(estimates) == len(STANDARD)
    faults = {}
    own = assets.asset_table(table)
    built = build_all(MetricContext(NoCache(), assets=own))
    metrics = {name: one for name, one in built if one.spec.profile == "standard"}
    for entry in STANDARD:
        metric = metrics[entry.select]
        identity = _bare(metric.spec)
        faults[entry.select] = fault(entry, estimates[identity], metric.check())
        # Numbers of one's own files can never be taken for those of the published ones.
        assert all(digest in identity for digest in digests(entry, own)), identity
    assert {name: what for name, what in faults.items() if what} == {}


SOUND_ALONE = {"silence", "8 kHz mono", "48 kHz 5.1", "1 sample"}
PICTURE_ALONE = {"63 x 65", "1 frame", "variable frame rate", "30000/1001 fps"}
"""What is awkward in one stream is nothing to who needs the other."""


LENGTHY = ("motion_smoothness", "face_quality@theval", "head_dynamics@theval", "imaging_quality@vbench")
"""Up to a second for each frame, of which five are as awkward as 25."""


def clips_for(metric, entry):
    """Awkward clips, without those whose awkward stream is nothing to the metric."""
    others = {"audio": PICTURE_ALONE, "video": SOUND_ALONE}
    nothing_to_it = set().union(*(cases for need, cases in others.items() if {need} == streams(metric)))
    for name, clip in AWKWARD.items():
        if name not in nothing_to_it:
            some = clip.frames if clip.frames is None or entry.select not in LENGTHY else clip.frames[:5]
            yield name, replace(clip, frames=some, timing="free")


def with_weights():
    """What needs weights. All else has been asked in `unit/metrics/test_bad_media.py`.

    Of Whisper's sizes one of each kind; and not RAFT, which takes minutes: `parity/test_motion.py` asks it.
    """
    sizes = (None, WHISPER_SIZES[0], WHISPER_SIZES[-1])
    needy = [
        entry
        for entry in STANDARD
        if any(one.serves(entry.entry.name, entry.variant) for one in assets.published().values())
    ]
    return [entry for entry in needy if entry.options.get("size") in sizes and entry.entry.name not in RAFT]


@pytest.mark.slow
@pytest.mark.parametrize("entry", with_weights(), ids=lambda entry: entry.select)
def test_every_awkward_clip_gets_an_answer_from_networks_too(entry, table, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    own = MetricContext(CACHE, assets=assets.asset_table(table))
    (metric,) = build([entry.select], "standard", own)
    if why_not := metric.check():
        assert any(how in why_not for how in OPTIONAL.values())
        pytest.skip(why_not)
    answers = {name: ask(metric, clip, PROMPT, REFERENCE) for name, clip in clips_for(metric, entry)}
    print(entry.select, answers)
    for stream in streams(metric):
        assert answers[f"no {stream}"] in ("undefined", "none"), answers
    assert "failed" not in answers.values(), answers


def streams(metric):
    return {"audio", "video"} & set(metric.spec.needs)

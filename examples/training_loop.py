"""Lip-sync in a validation loop: a mean over clips that syncs between processes, and the reasons for what has no value.

The "model" plays the suite's real clips, later in each epoch than in the one before.
"""

import torch

import jova_bench as jb


def main(clips: int = 4) -> list[float]:
    """Prints and returns LSE-C of each epoch."""
    suite = jb.load_suite("embedded")
    lse_c = jb.torch_metric("lse_c", profile="embedded", in_domain=True)
    values = []
    for epoch, late_s in enumerate((0.0, 1.0)):
        for prompt in suite.prompts[:clips]:
            clip = jb.read_clip(suite.path(str(prompt.reference)))
            audio = torch.from_numpy(clip.mono())[None]  # (1, N)
            late = torch.roll(audio, int(late_s * clip.sample_rate_hz), dims=1)
            lse_c.update(torch.from_numpy(clip.frames), late, fps=clip.fps, sample_rate_hz=clip.sample_rate_hz)
        values.append(float(lse_c.compute()))
        print(f"epoch {epoch}: LSE-C {values[-1]:.3f} of {lse_c.ok} clips, {lse_c.why or 'all have a value'}")
        lse_c.reset()
    return values


if __name__ == "__main__":
    main()

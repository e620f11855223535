"""One estimate of a summary, written by hand."""

from jova_bench.summary import Estimate

JUDGES = {judge: f"lse_c@1/embedded:syncnet-{judge}[{judge * 12}]{{shifts=15}}" for judge in "ab"}


def estimate(model, metric="lse_c", identity=JUDGES["a"], value=6.6431, ci=(6.55, 6.73), n=(100, 0, 0), **changes):
    fields = {
        "model": model,
        "metric": metric,
        "identity": identity,
        "level": "clip",
        "value": value,
        "ci": ci,
        "unit": "",
        "direction": "up",
        "n_ok": n[0],
        "n_undefined": n[1],
        "n_failed": n[2],
        "n_prompts": n[0],
        "n_seeds": 1,
    }
    return Estimate(**fields | changes)

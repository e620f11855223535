"""Models whose code and weights are others': a manifest, a pure plan, and a worker inside their own environment each.

`manifest` says what a model is, `inputs` what a prompt gives it, `render` how it reads a prompt, `job` what it is
asked; `home` knows where its files lie and `install` puts them there; `client` talks to `child`, which runs the
model's `worker.py`; `generator` puts these behind `jova_bench.models.base.Generator`.
"""

"""External models: each has a manifest, a pure plan, and a worker that runs in the environment of its upstream.

`manifest` describes a model, `inputs` converts a prompt to its inputs, `render` writes the text of a prompt, `job` is
its request; `home` locates its files and `install` gets them; `client` sends requests to `child`, which runs the
model's `worker.py` with `arrays` and `descendants`; `generator` implements `jova_bench.models.base.Generator` with all
of these.
"""

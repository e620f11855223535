"""`python -m jova_bench` is `jova-bench`."""

from jova_bench.cli import entry

if __name__ == "__main__":
    entry()

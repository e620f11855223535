"""Checkpoints of a training: one file in a single process, a folder of shards where several ranks may share them.

Both hold tensors and plain values with checksums, and neither is unpickled. A file is read by torch with
`weights_only`. A folder holds safetensors, written and read by `torch.distributed.checkpoint`, each rank its own shards
with their digests, and beside the folder is a JSON file. PyTorch's own format of sharded checkpoints is not used,
because its index is a pickle. A folder may be read by another number of ranks than wrote it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from jova.files import atomic_path
from jova.training.distributed import Ranks
from jova.training.state import detached, load_state, reading, save_state, writing

DIGEST = ".sha256"
"""Ending of the file beside a shard with its digest; older checkpoints have none."""


class State(NamedTuple):
    """What moves in a training; a checkpoint is read into it."""

    model: nn.Module
    average: dict[str, Tensor]
    """EMA of the state dict."""
    optimiser: torch.optim.Optimizer


class Checkpoints(Protocol):
    """The checkpoints of a training, by name: `model`, the latest, and `plateau`, the last before the rate decays."""

    def about(self, name: str) -> dict[str, Any] | None:
        """Returns `step` and `training` of a checkpoint; None if there is none."""
        ...

    def restore(self, name: str, state: State) -> None:
        """Reads a checkpoint into a state."""
        ...

    def save(self, name: str, about: Mapping[str, Any], state: State) -> None:
        """Writes a checkpoint: the one before it stays until the new one is whole."""
        ...


class FileCheckpoints:
    """Checkpoints OUT/<name>.state of a training in one process."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def about(self, name: str) -> dict[str, Any] | None:
        """Returns `step` and `training` of a checkpoint; None if there is none. Raises ValueError if it is damaged."""
        path = self.out / f"{name}.state"
        if (stored := load_state(path)) is None:
            return None
        with reading(path):
            return {"step": int(stored["step"]), "training": dict(stored["training"])}

    def restore(self, name: str, state: State) -> None:
        """Reads a checkpoint into a state."""
        path = self.out / f"{name}.state"
        if (stored := load_state(path)) is None:
            raise FileNotFoundError(f"expected a checkpoint at {path}, got no file")
        with reading(path):
            state.model.load_state_dict(stored["model"])
            for key, value in state.average.items():
                value.copy_(stored["average"][key])
            state.optimiser.load_state_dict(stored["optimiser"])

    def save(self, name: str, about: Mapping[str, Any], state: State) -> None:
        """Writes a checkpoint."""
        tensors = {"model": detached(state.model), "average": state.average, "optimiser": state.optimiser.state_dict()}
        save_state(self.out / f"{name}.state", {**about, **tensors})


class FolderCheckpoints:
    """Checkpoints OUT/<name>.json, each with the folder of its shards, of a training of any number of ranks."""

    def __init__(self, out: Path, ranks: Ranks) -> None:
        self.out, self.ranks = out, ranks

    def about(self, name: str) -> dict[str, Any] | None:
        """Returns `step`, `training`, `folder` and `shards` of a checkpoint; None if there is none."""
        return _record(self.out / f"{name}.json")

    def restore(self, name: str, state: State) -> None:
        """Reads a checkpoint into a state.

        Raises:
            ValueError: a file of it is damaged.
        """
        reader = _reader(self.out, name, self.ranks)
        tensors = _tensors(state)
        moments = [key.split("/") for key in reader.read_metadata().state_dict_metadata if key.startswith("optimiser/")]
        parameters = dict(state.model.named_parameters())
        for _, kind, parameter in moments:
            weight = parameters[parameter]
            # The number of steps is one value, moments have the shape of the weight.
            like = torch.zeros((), device=weight.device) if kind == "step" else torch.zeros_like(weight)
            tensors[f"optimiser/{kind}/{parameter}"] = state.optimiser.state[weight][kind] = like.detach()
        _load(tensors, reader)

    def save(self, name: str, about: Mapping[str, Any], state: State) -> None:
        """Writes a checkpoint: every rank its own shards, then rank 0 the JSON file that makes them the checkpoint.

        Raises:
            OSError: a disk is full, or what else forbids it; the checkpoint before it stands.
        """
        from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
        from torch.distributed.checkpoint.state_dict_saver import save

        folder = self.out / f"{name}-{int(about['step']):08d}"
        if (self.about(name) or {}).get("folder") == folder.name:
            folder = folder.with_name(f"{folder.name}-again")  # what is there stays until this one is whole
        self.ranks.wait()
        if self.ranks.leads:
            shutil.rmtree(folder, ignore_errors=True)  # of a save that was cut off
            self.out.mkdir(parents=True, exist_ok=True)
        self.ranks.wait()
        with writing(folder), _first_failure(), warnings.catch_warnings(action="ignore", category=UserWarning):
            save(_tensors(state), storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
        self.ranks.wait()
        for shard in sorted(folder.glob("*.safetensors"))[self.ranks.index :: self.ranks.count]:
            shard.with_name(shard.name + DIGEST).write_text(digest_of_file(shard) + "\n", encoding="ascii")
        self.ranks.wait()
        if self.ranks.leads:
            with atomic_path(self.out / f"{name}.json") as unfinished:
                shards = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
                record = {**about, "folder": folder.name, "shards": shards}
                unfinished.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            for other in self.out.glob(f"{name}-*"):
                if other != folder:
                    shutil.rmtree(other)


def shards_of(out: Path, name: str = "model") -> list[Path]:
    """Returns the shards of a checkpoint in the folder of a training.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: a shard is missing or has another size.
    """
    if (about := _record(out / f"{name}.json")) is None:
        raise FileNotFoundError(f"expected a checkpoint at {out / name}.json, got no file")
    folder = out / Path(about["folder"]).name
    for shard, size in about["shards"].items():
        got = (folder / shard).stat().st_size if (folder / shard).is_file() else 0
        if got != size:
            raise ValueError(
                f"expected a checkpoint's shard of {size} bytes at {folder / shard}, got {got}; copy it again, or take "
                f"{out} away to train anew"
            )
    return [folder / shard for shard in about["shards"]]


def _record(path: Path) -> dict[str, Any] | None:
    """Reads the JSON file of a checkpoint in a folder; None if there is none.

    Raises:
        ValueError: it is damaged.
    """
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        kinds = (("step", int), ("training", dict), ("folder", str), ("shards", dict))
        if wrong := [name for name, kind in kinds if not isinstance(record[name], kind)]:
            raise TypeError(f"another {wrong[0]}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f"expected the record of a checkpoint in {path}, got {error!r}; take {path.parent} away to train anew"
        ) from None
    return record


def shapes_of_average(out: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of what `read_average` reads, from the headers of the shards."""
    stored = _reader(out, "model").read_metadata().state_dict_metadata
    return {
        key.removeprefix("average/"): tuple(about.size) for key, about in stored.items() if key.startswith("average/")
    }


def read_average(out: Path) -> dict[str, Tensor]:
    """Returns the whole EMA weights of the last checkpoint in the folder of a training, whatever ranks wrote it."""
    reader = _reader(out, "model")
    stored = {
        key: about for key, about in reader.read_metadata().state_dict_metadata.items() if key.startswith("average/")
    }
    tensors = {key: torch.empty(about.size, dtype=about.properties.dtype) for key, about in stored.items()}
    _load(tensors, reader)
    return {key.removeprefix("average/"): tensor for key, tensor in tensors.items()}


def _reader(out: Path, name: str, ranks: Ranks | None = None) -> Any:
    """Returns what reads a checkpoint, of which all shards are there and have their digests.

    Args:
        out: folder of the training.
        name: of the checkpoint.
        ranks: that share the work; None if each process reads for itself.

    Raises:
        ValueError: a shard is damaged; in every rank.
    """
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    ranks, shards = ranks or Ranks(), shards_of(out, name)
    folder, pairs = shards[0].parent, [(shard, shard.with_name(shard.name + DIGEST)) for shard in shards]
    pairs = [(shard, beside) for shard, beside in pairs if beside in shards]
    damaged = torch.zeros(len(pairs), device=ranks.device)
    for index in range(ranks.index, len(pairs), ranks.count):
        shard, beside = pairs[index]
        damaged[index] = beside.read_bytes().strip() != digest_of_file(shard).encode()
    with reading(folder):
        for index in ranks.total(damaged).nonzero().flatten().tolist():
            raise ValueError(f"another digest of {pairs[index][0].name}")
        reader = HuggingFaceStorageReader(str(folder))
        reader.read_metadata()
    return reader


def _load(tensors: dict[str, Tensor], reader: Any) -> None:
    """Reads tensors of a checkpoint in place, each rank its own shards of them."""
    from torch.distributed.checkpoint.state_dict_loader import load

    with reading(Path(reader.path)), _first_failure(), warnings.catch_warnings(action="ignore", category=UserWarning):
        load(tensors, storage_reader=reader)


@contextmanager
def _first_failure() -> Iterator[None]:
    """Raises what a rank has met in place of PyTorch's collection of it, which is no Exception."""
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        yield
    except CheckpointException as error:
        raise next(iter(error.failures.values()))[0] from None


def digest_of_file(path: Path) -> str:
    """Returns the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tensors(state: State) -> dict[str, Tensor]:
    """Returns the tensors of a state by name, as they are: what is read into them is read into the state."""
    tensors = {f"model/{key}": value for key, value in state.model.state_dict().items()}
    tensors |= {f"average/{key}": value for key, value in state.average.items()}
    for name, weight in state.model.named_parameters():
        tensors |= {f"optimiser/{kind}/{name}": value for kind, value in state.optimiser.state[weight].items()}
    return tensors

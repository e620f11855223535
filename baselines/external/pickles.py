"""Makes torch.load of an upstream's environment read weights and run no code: Python 3.9, and the torch that is there.

From torch 2.6 on the variable `TORCH_FORCE_WEIGHTS_ONLY_LOAD`, which every process of an upstream has, does that,
whatever a call asks for. Older ones honour it, too, but have a way around it (CVE-2025-32434), and then read no arrays
of numpy, of which some checkpoints have a few. There every unpickler that torch.load makes is replaced by one that
finds what torch's own list of harmless names has, and such arrays, and an archive of TorchScript is refused.
"""

from __future__ import annotations

import os
import pickle
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, cast

VARIABLE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
SOUND = (2, 6)
"""First release of torch whose own restriction is without that way around."""


def restrict() -> None:
    """Replaces torch.load where torch is older; worker processes do so before they import anything of upstream."""
    try:
        release = version("torch")
    except PackageNotFoundError:
        return
    if tuple(int(part) for part in release.split(".")[:2]) >= SOUND:
        return
    import torch

    # With it torch.load takes no other unpickler.
    os.environ.pop(VARIABLE, None)
    plain, weights = torch.load, restricted(names())
    is_program: Any = torch.serialization._is_torchscript_zip

    def refused(file: Any) -> bool:
        """Refuses a TorchScript archive, which torch.load passes to torch.jit.load before any unpickler is asked."""
        if is_program(file):
            raise pickle.UnpicklingError("expected a file of weights alone, got a TorchScript archive, which runs code")
        return False

    def load(
        f: Any, map_location: Any = None, pickle_module: Any = None, weights_only: Any = None, **named: Any
    ) -> Any:
        """Reads a checkpoint; an unpickler or a licence to run code that the caller gives is ignored."""
        return plain(f, map_location=map_location, pickle_module=weights, weights_only=False, **named)

    torch.load = torch.serialization.load = load
    torch.serialization._is_torchscript_zip = refused


def names() -> dict[str, Any]:
    """Returns what a checkpoint may name: torch's own list, and what arrays of numpy are put together from."""
    import _codecs

    import numpy as np
    from torch import _weights_only_unpickler

    found: dict[str, Any] = dict(_weights_only_unpickler._get_allowed_globals())
    array, scalar = np.zeros(1).__reduce__()[0], np.float64(0).__reduce__()[0]
    for core in ("numpy.core", "numpy._core"):  # Of numpy 1 and 2.
        found |= {f"{core}.multiarray._reconstruct": array, f"{core}.multiarray.scalar": scalar}
    return {**found, "numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype, "_codecs.encode": _codecs.encode}


def restricted(allowed: dict[str, Any]) -> ModuleType:
    """Returns a stand-in for the module `pickle`, for reading, that finds these names and no others."""

    class Unpickler(pickle.Unpickler):
        """Reads a pickle; raises UnpicklingError where it names anything else."""

        def find_class(self, module: str, name: str) -> Any:
            """Returns an object by its name."""
            if f"{module}.{name}" not in allowed:
                raise pickle.UnpicklingError(f"expected a file of weights alone, got one that calls {module}.{name}")
            return allowed[f"{module}.{name}"]

    made: Any = ModuleType("weights")
    made.Unpickler = Unpickler
    made.load = lambda file, **named: Unpickler(file, **named).load()
    return cast(ModuleType, made)

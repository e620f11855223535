"""What a manifest states of the costs of a baseline: memory, and seconds per clip as they were published."""

from __future__ import annotations

from pydantic import Field

from jova_bench.records import Record


class Memory(Record):
    """Memory requirement."""

    gpu_gb: float | None = Field(None, gt=0)
    """None if it is neither stated nor measured."""
    note: str
    """Source of the number, and its setting."""

    def __str__(self) -> str:
        """Returns the requirement for display."""
        amount = f"{self.gpu_gb:g} GB of GPU memory" if self.gpu_gb else "GPU memory not stated"
        return f"{amount} ({self.note})"


class Speed(Record):
    """Time that one clip took on one device, as a public source states it."""

    seconds: float = Field(gt=0)
    """Generation alone, without loading weights."""
    device: str = Field(min_length=1)
    """Name of the GPU, as the source has it."""
    frames: int = Field(ge=1)
    """Number of frames of the clip that was timed; height and width are its, too."""
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    note: str = Field(min_length=1)
    """Source of the number, steps and engine."""

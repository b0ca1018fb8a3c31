"""The machines on which Spaces run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["HARDWARE", "Hardware"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One flavor."""

    name: str
    pretty_name: str
    cpu: str
    ram: str
    gpu: tuple[str, int, str] | None = None
    """Its model, how many of it, and the memory of all together."""
    cents: int
    """What an hour costs, in US cents; 0 is free."""

    def described(self) -> dict[str, Any]:
        """Give what ``/api/spaces/hardware`` says of it."""
        accelerator = None
        if self.gpu is not None:
            model, count, memory = self.gpu
            accelerator = {
                "type": "gpu",
                "model": model,
                "quantity": str(count),
                "vram": memory,
                "manufacturer": "Nvidia",
            }
        micro_dollars = round(self.cents * 10_000 / 60)
        return {
            "name": self.name,
            "prettyName": self.pretty_name,
            "cpu": self.cpu,
            "ram": self.ram,
            "ephemeralStorage": "50 GB",
            "accelerator": accelerator,
            "unitCostMicroUSD": micro_dollars,
            "unitCostUSD": micro_dollars / 1_000_000,
            "unitLabel": "minute",
        }


def _gpu(name: str, pretty: str, cpu: int, ram: int, model: str, count: int, memory: int, cents: int) -> Hardware:
    return Hardware(
        name=name,
        pretty_name=pretty,
        cpu=f"{cpu} vCPU",
        ram=f"{ram} GB",
        gpu=(model, count, f"{memory} GB"),
        cents=cents,
    )


# The flavors are those of huggingface_hub 2.4; sizes and prices are near those of 2025 and need not be right.
_ALL = (
    Hardware(name="cpu-basic", pretty_name="CPU Basic", cpu="2 vCPU", ram="16 GB", cents=0),
    Hardware(name="cpu-upgrade", pretty_name="CPU Upgrade", cpu="8 vCPU", ram="32 GB", cents=3),
    _gpu("zero-a10g", "ZeroGPU", 8, 64, "H200", 1, 70, 0),
    _gpu("t4-small", "Nvidia T4 - small", 4, 15, "T4", 1, 16, 40),
    _gpu("t4-medium", "Nvidia T4 - medium", 8, 30, "T4", 1, 16, 60),
    _gpu("l4x1", "1x Nvidia L4", 8, 30, "L4", 1, 24, 80),
    _gpu("l4x4", "4x Nvidia L4", 48, 186, "L4", 4, 96, 380),
    _gpu("l40sx1", "1x Nvidia L40S", 8, 62, "L40S", 1, 48, 180),
    _gpu("l40sx4", "4x Nvidia L40S", 48, 382, "L40S", 4, 192, 830),
    _gpu("l40sx8", "8x Nvidia L40S", 192, 1534, "L40S", 8, 384, 2350),
    _gpu("a10g-small", "Nvidia A10G - small", 4, 15, "A10G", 1, 24, 100),
    _gpu("a10g-large", "Nvidia A10G - large", 12, 46, "A10G", 1, 24, 150),
    _gpu("a10g-largex2", "2x Nvidia A10G - large", 24, 92, "A10G", 2, 48, 300),
    _gpu("a10g-largex4", "4x Nvidia A10G - large", 48, 184, "A10G", 4, 96, 500),
    _gpu("a100-large", "Nvidia A100 - large", 12, 142, "A100", 1, 80, 250),
    _gpu("a100x4", "4x Nvidia A100", 48, 568, "A100", 4, 320, 1000),
    _gpu("a100x8", "8x Nvidia A100", 96, 1136, "A100", 8, 640, 2000),
    _gpu("rtx-pro-6000", "Nvidia RTX PRO 6000", 12, 142, "RTX PRO 6000", 1, 96, 300),
    _gpu("rtx-pro-6000x2", "2x Nvidia RTX PRO 6000", 24, 284, "RTX PRO 6000", 2, 192, 600),
    _gpu("rtx-pro-6000x4", "4x Nvidia RTX PRO 6000", 48, 568, "RTX PRO 6000", 4, 384, 1200),
    _gpu("rtx-pro-6000x8", "8x Nvidia RTX PRO 6000", 96, 1136, "RTX PRO 6000", 8, 768, 2400),
)
HARDWARE = {hardware.name: hardware for hardware in _ALL}

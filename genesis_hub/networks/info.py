"""What is known of an encoder's maps, whoever made the encoder."""

from typing import Any


class FeatureInfo:
    """Channels and reductions of an encoder's maps, asked as timm's `feature_info` is."""

    def __init__(self, channels: tuple[int, ...], reductions: tuple[tuple[int, ...], ...]) -> None:
        self._channels, self._reductions = channels, reductions

    def channels(self) -> list[int]:
        """Channels of each map, finest first."""
        return list(self._channels)

    def reduction(self) -> list[int | tuple[int, ...]]:
        """How many input positions a map's position stands for; one number where axes agree."""
        return [r[0] if len(set(r)) == 1 else r for r in self._reductions]

    def module_name(self) -> list[str]:
        """Where in the model each map is made."""
        return [f"encoder.stages.{level}" for level in range(len(self._channels))]


def encoder_info(encoder: Any) -> FeatureInfo:
    """Return what is known of an encoder's maps: ours, timm's or smp's."""
    if hasattr(encoder, "reductions"):
        return FeatureInfo(encoder.channels, encoder.reductions)
    if hasattr(encoder, "feature_info"):
        info = encoder.feature_info
        if isinstance(info, list):
            return FeatureInfo(
                tuple(stage["num_chs"] for stage in info),
                tuple((stage["reduction"],) * 2 for stage in info),
            )
        return FeatureInfo(tuple(info.channels()), tuple((r,) * 2 for r in info.reduction()))
    return encoder_info(getattr(encoder, "model", None) or encoder.network)

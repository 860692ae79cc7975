"""The network of trials: what a checkpoint holds, or what a config asks for without one."""

from dataclasses import dataclass
from pathlib import Path

from genesis_hub import registry
from genesis_hub.configs.shared import LAYERS
from genesis_hub.entry import Entry
from genesis_hub.errors import BadInput
from genesis_hub.saved import read_spec
from genesis_hub.spec import architecture_of
from genesis_hub.trials.asked import FinetuneConfig
from genesis_hub.tuning.finetune import entry_of
from genesis_hub.weights.folder import read_folder

FULL = 16  # Channels of the first level at width 1.
MODEL, WEIGHTS, SAYS = "model", "model.safetensors", "config.json"
KERAS = (".hdf5", ".h5", ".keras")


@dataclass(frozen=True)
class Network:
    """An encoder; source: where its weights are, None for an encoder without."""

    entry: Entry
    source: str | Path | None
    width: float | None
    encoder: str | None

    @property
    def multiple(self) -> int:
        """What a decoder wants sides to be multiples of, before any pooling."""
        return int(2**LAYERS)


def network_of(config: FinetuneConfig) -> Network:
    """Return the encoder that runs begin with; a checkpoint's own facts are before the config's."""
    if set(config.variants) == {"random"}:
        entry = registry.find(config.method)
        architecture_of(entry, config.encoder or None)  # Refuses what is none.
        # Named encoders are as wide as they are.
        width = None if config.encoder else config.filters / FULL
        return Network(entry, None, width, config.encoder or None)
    assert config.model_checkpoint
    given = found(config.model_checkpoint)
    entry, source = entry_of(given)
    if entry.ndim != config.ndim:
        raise BadInput(
            f"model_checkpoint {config.model_checkpoint!r} is {entry.name!r}, an encoder of "
            f"{entry.ndim}D images, but data_is_3D is {str(config.data_is_3D).lower()}"
        )
    if not isinstance(source, Path):
        return Network(entry, source, None, config.encoder or None)
    spec = read_spec(read_folder(source).facts)
    built_in = spec.architecture == registry.find(spec.name).architecture
    if config.encoder and architecture_of(entry, config.encoder) != spec.architecture:
        raise BadInput(
            f"encoder_architecture={config.encoder!r}, but model_checkpoint "
            f"{config.model_checkpoint!r} holds {spec.architecture}; leave encoder_architecture "
            "away, or give another checkpoint"
        )
    width, encoder = spec.width, None if built_in else spec.architecture
    wanted = None if config.enc_filters is None else config.enc_filters / FULL
    if entry.family == "proxy-tasks" and not encoder and wanted not in (None, width):
        raise BadInput(
            f"enc_filters={config.enc_filters}, but model_checkpoint {config.model_checkpoint!r} "
            f"has {width * FULL:g}; leave enc_filters away, or give another checkpoint"
        )
    return Network(entry, source, None if encoder else width, encoder)


def found(checkpoint: str) -> str | Path:
    """Return a checkpoint as models are loaded by: a model's folder, or a name."""
    path = Path(checkpoint).expanduser()
    if path.is_file() and path.name in (WEIGHTS, SAYS):
        path = path.parent
    if path.is_dir():
        for folder in (path, path / MODEL):
            if (folder / SAYS).is_file():
                return folder
        raise BadInput(
            f"model_checkpoint {checkpoint!r} holds no model/ with config.json; give the folder of "
            "a run that is finished, or of a model"
        )
    if path.suffix.lower() in KERAS:
        raise BadInput(
            f"model_checkpoint {checkpoint!r} is Keras's; such weights of the proxy tasks were "
            "never published and are not read; pre-train anew with training.pretrain, which leaves "
            "model/"
        )
    if path.is_file():
        raise BadInput(
            f"model_checkpoint {checkpoint!r} is a file, but the folder is expected that holds "
            f"{WEIGHTS} and {SAYS}; `genesis-hub import` makes one of an author's file"
        )
    if path.is_absolute() or checkpoint.startswith((".", "~")) or len(path.parts) > 2:
        raise BadInput(
            f"model_checkpoint {checkpoint!r}: there is no such file or folder; pre-train first "
            "(python -m training.pretrain), or give load_weights: false to begin without weights"
        )
    return checkpoint

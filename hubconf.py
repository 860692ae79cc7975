"""torch.hub's names: one for each model, `torch.hub.load("genesis-hub/genesis-hub", NAME)`."""

import inspect

from genesis_hub import registry

dependencies = ["torch", "timm", "segmentation_models_pytorch", "huggingface_hub", "safetensors"]


def _entrypoint(name):
    """Return the function that torch.hub shows for one name of the catalog."""
    entry = registry.ENTRIES[name]

    def load(pretrained=True, **options):
        # torch, timm and smp are needed from here on, not to list the names.
        import genesis_hub

        return genesis_hub.from_pretrained(name, pretrained=pretrained, **options)

    load.__name__ = load.__qualname__ = name.replace("-", "_")
    load.__doc__ = inspect.cleandoc(
        f"""{entry.summary}

        {entry.paper.authors}: {entry.paper.title}. {entry.paper.venue}. {entry.paper.url}
        Input: {entry.in_channels} channel(s), {entry.inputs.unit}, trained at {entry.inputs.size}.
        Licence of the weights: {entry.license.name}.

        pretrained: load the weights; False builds the architecture without them.
        options: as in genesis_hub.from_pretrained: task=, num_classes=, in_channels=,
        features_only=, head=, decoder=, operator=, norm=, weights=, ...
        """
    )
    return load


for _name in registry.ENTRIES:
    globals()[_name.replace("-", "_")] = _entrypoint(_name)

"""What mkdocstrings asks before it shows a docstring: arguments and fields become a list."""

from typing import Any

from griffe import Class, Extension, Function, Object

from docs.builder.entries import listed


class Lists(Extension):
    """Turn `name: what it means.` into list items, for names that the object really has."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change a docstring where it stands."""
        if obj.docstring is None:
            return
        names: set[str] = set()
        if isinstance(obj, Function):
            names = {parameter.name for parameter in obj.parameters}
        elif isinstance(obj, Class):
            names = set(obj.members)
        obj.docstring.value = listed(obj.docstring.value, names)

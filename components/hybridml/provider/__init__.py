"""Our own resources: what no official provider offers, and the plugin that serves them to any Pulumi engine.

`sdk` holds what a program writes down; `resources` holds what happens when an engine applies it; `adapter` speaks
Pulumi's provider protocol between the two. Nothing here is imported before it is needed.
"""


def main() -> None:
    """Serve the plugin: the console script `pulumi-resource-hybridml` and `components/__main__.py`."""
    from hybridml.provider.server import serve

    serve()

"""The plugin `hybridml`, as Pulumi starts it from this folder: `providers: [{name: hybridml, path: components}]`."""

from hybridml.provider import main

main()

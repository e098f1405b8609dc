"""A dynamic provider: planned, and nothing else."""

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Schema(ResourceProvider):
    def create(self, props: dict) -> CreateResult:
        raise AssertionError("planning creates nothing")


class Table(Resource):
    location: pulumi.Output[str]

    def __init__(self, name: str, columns: list[str]) -> None:
        super().__init__(Schema(), name, {"columns": columns, "location": None})


table = Table("events", ["id", "at"])
pulumi.export("location", table.location.apply(lambda text: text.upper()))
pulumi.export("columns", table.columns)

"""What a batch prediction reads, what it writes, and when."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from hybridml.spec.moments import never, nowhere
from hybridml.spec.part import Part, refuse
from hybridml.spec.scalars import Cron, DataFolder, DataUri, Duration, Positive, Text
from hybridml.spec.vocabulary import DataFormat


class Batch(Part):
    """Predictions over files, made by a program that runs to its end."""

    input: DataUri = Field(
        description="Files with one row per prediction; `*` stands for any part of a name: data/new/*.csv."
    )
    output: DataFolder = Field(
        description="Folder for predictions, rows that failed, and a manifest with digests and counts."
    )
    format: DataFormat | None = Field(
        None, description="What the files hold; by default what their suffix says. Predictions have the same."
    )
    shard_rows: Positive = Field(
        10_000,
        le=10_000_000,
        description="Rows that are predicted, written and taken up again together, 1 to 10,000,000.",
    )
    schedule: Cron | None = Field(
        None,
        description='When it runs, as five cron fields: "0 3 * * *". When left out, once for each change of input or '
        "model.",
    )
    timezone: Text = Field("UTC", description='Time zone of schedule, such as "Europe/Berlin".')
    timeout: Duration = Field(Duration("6h"), description="How long one run may take.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        moments = never("schedule", self.schedule) if self.schedule else ()
        refuse([*moments, *nowhere("timezone", self.timezone)])
        return self

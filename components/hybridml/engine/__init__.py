"""Runs a Pulumi program without the Pulumi CLI: record, plan, apply, state."""

"""Where an endpoint runs: one folder per target, the same rooms in each, looked up by kind when first used."""

"""Speed and memory, measured beside their baselines in the same run: `python -m benchmarks`."""

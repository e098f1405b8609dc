"""How a new version takes over traffic step by step, and how it is judged. Pure; the standard library only.

counts.py       what was measured: requests, failures, latency
plan.py         steps, times and gates of one rollout
verdict.py      promote, hold or abort, from what was measured
drive.py        carries a plan out against whoever moves traffic and whoever measures
comparison.py   two versions side by side: an A/B split, or a shadow
sequences.py    confidence sequences, the statistics under all of it
"""

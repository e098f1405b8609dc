"""Promote, hold or abort: what the gates say about a step, from what was measured in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from hybridml.rollout.counts import Pair
from hybridml.rollout.gates import GateResult, Verdict, ask, comparisons
from hybridml.rollout.plan import RolloutPlan

__all__ = ("GateResult", "Judgement", "Verdict", "judge")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on a step, and what each gate said."""

    verdict: Verdict
    """`promote` ends the step well; `hold` waits; `abort` ends the rollout."""
    gates: tuple[GateResult, ...]
    """Every gate of every variant."""
    reason: str
    """One sentence: what decided."""

    def to_mapping(self) -> dict[str, object]:
        """Plain values that JSON can hold."""
        gates = [{**asdict(gate), "verdict": str(gate.verdict)} for gate in self.gates]
        return {"verdict": str(self.verdict), "gates": gates, "reason": self.reason}


def judge(plan: RolloutPlan, step_index: int, elapsed: float, pairs: Mapping[str, Pair]) -> Judgement:
    """What to do after `elapsed` seconds of step `step_index`, in which `pairs` was measured, by variant.

    A broken gate aborts at once. After `bake` the step is passed when every gate is; otherwise it waits, until
    `max_bake` gives it up. The confidence of the plan holds for all looks, gates, variants and steps together: its
    error is divided evenly among them (the union bound), and each look within is free (`sequences`).
    """
    alpha = (1 - plan.confidence) / max(len(plan.steps) * comparisons(plan.gates) * len(pairs), 1)
    gates = tuple(gate for variant, pair in pairs.items() for gate in ask(plan, variant, pair, alpha))
    verdict, why = _decide(plan, elapsed, gates)
    return Judgement(verdict=verdict, gates=gates, reason=f"step {step_index + 1} of {len(plan.steps)}: {why}")


def _decide(plan: RolloutPlan, elapsed: float, gates: tuple[GateResult, ...]) -> tuple[Verdict, str]:
    broken = [gate for gate in gates if gate.verdict is Verdict.ABORT]
    if broken:
        return Verdict.ABORT, f"{_all(broken)}, at confidence {plan.confidence:g}"
    if elapsed < plan.bake:
        return Verdict.HOLD, f"no gate is broken; it lasts {plan.bake:g} s"
    unpassed = [gate for gate in gates if gate.verdict is Verdict.HOLD]
    measured = bool(gates) or not comparisons(plan.gates)
    if measured and not unpassed:
        return Verdict.PROMOTE, "every gate is passed"
    why = _waiting(plan, unpassed) if unpassed else "nothing was measured"
    if elapsed < plan.max_bake:
        return Verdict.HOLD, f"undecided: {why}"
    return Verdict.ABORT, f"still undecided after {plan.max_bake:g} s: {why}"


def _waiting(plan: RolloutPlan, unpassed: list[GateResult]) -> str:
    """What is missing: requests first, since without them no gate says anything."""
    few = {gate.variant: gate.requests for gate in unpassed if gate.requests < plan.min_requests}
    short = [f"{variant} answered {n} of the {plan.min_requests} requests it takes" for variant, n in few.items()]
    rest = [gate for gate in unpassed if gate.variant not in few]
    return "; ".join([*short, *([_all(rest)] if rest else [])])


def _all(gates: list[GateResult]) -> str:
    return "; ".join(f"{gate.gate} of {gate.variant}: {gate.reason}" for gate in gates)

"""The page that `plan` and `check` write: plans, what the policies say of them, and a card for each endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import hybridml

if TYPE_CHECKING:
    from hybridml_policies import Report

    from hybridml.cli.place import Place


def page(here: Place, judged: Iterable[tuple[Mapping[str, Any], Report]]) -> str:
    """One page of the plans of stacks, each with what the policies say of it."""
    from hybridml.cli.cards import cards
    from hybridml.report import StackPage, plan_html

    stacks = [StackPage(plan=plan, report=report, cards=cards(here, plan["stack"], plan)) for plan, report in judged]
    return plan_html(stacks, hybridml.__version__)

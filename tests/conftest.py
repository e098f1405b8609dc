"""What every test finds: no cloud account, interruptions that arrive, `pulumi` tests only where it is."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

pytest_plugins = ["conformance.recording"]

ACCOUNTS = ("AWS_", "AZURE_", "CLOUDSDK_", "GCLOUD_", "GOOGLE_", "KUBECONFIG", "PULUMI_")
for _name in [name for name in os.environ if name.startswith(ACCOUNTS)]:
    del os.environ[_name]
# A shell that starts the tests in the background has them ignore interruptions, and so would all that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of Pulumi need its command."""
    without_pulumi = pytest.mark.skip(reason="the pulumi command is not on the PATH")
    for item in items:
        if item.get_closest_marker("pulumi") and not shutil.which("pulumi"):
            item.add_marker(without_pulumi)

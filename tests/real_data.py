"""Tests that need real images are skipped where there are none."""

import os
from pathlib import Path

import pytest


def needs_real(path):
    folder = os.environ.get("PPGEN_DATA")
    present = folder is not None and Path(folder, path).exists()
    return pytest.mark.skipif(not present, reason=f"PPGEN_DATA names no folder with {path}")

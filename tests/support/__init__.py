"""What several tests share: where things lie here, and in each module one kind of help."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
DATA = ROOT / "tests" / "data"
"""Files that tests read."""

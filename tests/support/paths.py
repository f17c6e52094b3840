"""Where the repository is, and the real organisations beside it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
"""It may be missing: tests that need it are skipped, and say so."""
EXAMPLES = ROOT / "src" / "qontract" / "entrypoints" / "examples"

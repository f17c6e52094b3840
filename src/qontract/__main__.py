"""`python -m qontract`: the process that `QAPI_START_MODE` names."""

import runpy

from qontract.entrypoints.settings import load_settings

if __name__ == "__main__":
    runpy.run_module(f"qontract.entrypoints.{load_settings().start_mode}", run_name="__main__", alter_sys=True)

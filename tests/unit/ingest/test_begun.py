"""What was being read when a process died is known to the next one."""

import subprocess
import sys

from ingest.begun import Begun, Mark

PUMP, FAN = Mark("t", "file:///pump.pdf", "a"), Mark("t", "file:///fan.pdf", "b")


def test_what_was_ended_leaves_no_mark(tmp_path):
    begun = Begun(tmp_path / "begun")
    assert begun.left() == []
    begun.begin(PUMP)
    begun.begin(FAN)
    begun.end("t", PUMP.source)
    begun.end("other", FAN.source)
    assert begun.left() == [FAN]
    assert begun.left() == []


def test_a_mark_outlives_a_killed_process(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from ingest.begun import Begun, Mark\n"
        "Begun(Path(sys.argv[1])).begin(Mark('t', 'file:///pump.pdf', 'a')); os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert died.returncode == -9
    assert Begun(tmp_path).left() == [PUMP]


def test_a_mark_that_was_cut_off_is_passed_over(tmp_path):
    Begun(tmp_path).begin(PUMP)
    (tmp_path / "x.begun").write_bytes(b'["t", "fi')
    assert Begun(tmp_path).left() == [PUMP]

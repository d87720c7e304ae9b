# SPDX-License-Identifier: GPL-2.0-only
"""Judge the KUnit results in a kernel log: ktap.py LOG SUITE…

insmod succeeds when tests fail, an empty plan looks like success, and so does a
log in which nobody spoke. So: every suite named must have spoken, announced at
least one case, reported each of them, and passed them all (a case may skip),
and the kernel must not have complained meanwhile. The last line is
"N passed, N failed, N skipped", cases counted.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "runner"))
from kernel_log import complaints, read  # noqa: E402

STAMP = re.compile(r"^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?")
RESULT = re.compile(r"^( *)(ok|not ok) (\d+) ?-? ?(\S+)(.*)$")
SUBTEST = re.compile(r"^ {4}# Subtest: (\S+)$")
PLAN = re.compile(r"^ {4}1\.\.(\d+)$")
# Two spaces more than that are the cases' own parameters and messages.


class Suite:
    """What one suite has said so far."""

    def __init__(self):
        self.plan = None
        self.cases = {}
        self.ended = None


def parse(log):
    """{suite: Suite} of everything in the log."""
    suites = {}
    current = None
    for line in log.splitlines():
        line = STAMP.sub("", line.rstrip("\r"))
        m = SUBTEST.match(line)
        if m:
            current = suites.setdefault(m.group(1), Suite())
            continue
        m = PLAN.match(line)
        if m and current:
            current.plan = int(m.group(1))
            continue
        m = RESULT.match(line)
        if not m:
            continue
        indent, verdict, name, rest = (len(m.group(1)), m.group(2), m.group(4),
                                       m.group(5))
        if indent == 4 and current:
            skipped = verdict == "ok" and "# SKIP" in rest
            current.cases[name] = "skip" if skipped else verdict
        elif indent == 0 and name in suites:
            suites[name].ended = verdict
            current = None
    return suites


def problems(suites, expected):
    """What is wrong, a line each."""
    found = []
    for name in expected:
        if name not in suites:
            found.append(f"suite {name} did not run")
    for name, suite in suites.items():
        if not suite.plan:
            found.append(f"suite {name} has no cases")
        elif suite.plan != len(suite.cases):
            found.append(f"suite {name}: {len(suite.cases)} of {suite.plan} "
                         "cases reported")
        if suite.ended is None:
            found.append(f"suite {name} did not end")
        failed = [c for c, v in suite.cases.items() if v == "not ok"]
        found += [f"suite {name}: {c} failed" for c in failed]
        if suite.ended == "not ok" and not failed:
            found.append(f"suite {name} failed")
    if not expected:
        found.append("no suite is expected")
    return found


def main():
    """Judge, say why, count."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    log = read(sys.argv[1])
    suites = parse(log)
    wrong = problems(suites, sys.argv[2:])
    wrong += ["the kernel said: " + line for line in complaints(log)]
    verdicts = [v for s in suites.values() for v in s.cases.values()]
    for name, suite in suites.items():
        print(f"{suite.ended or 'no end':6} {name}: {len(suite.cases)} cases")
    for line in wrong:
        print("FAILED: " + line)
    failed = verdicts.count("not ok")
    if wrong and not failed:
        failed = len(wrong)
    print(f"{verdicts.count('ok')} passed, {failed} failed, "
          f"{verdicts.count('skip')} skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

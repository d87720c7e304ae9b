# SPDX-License-Identifier: GPL-2.0-only
"""Select tests, run them in guests or on this machine, judge them.

A test is an executable file tests/GROUP/NAME that says in its first lines
where it runs:

  # guest: OPTIONS    in a guest; OPTIONS are tests/vm/run's -d -m -c -a -q -i. It
                      has one processor, which costs a third of what two do, unless
                      -c says more: where processors race
  # host:             on this machine
  # kernels: NAMES    the kernels it is for (default: debian, and in a guest debug)
  # timeout: SECONDS  its limit (default: 120 in a guest, 600 on this machine)
  # expect: REGEX     the kernel may say this; may be given several times
  # prepare: COMMAND  run on this machine, below the tree, before any guest
  # off: REASON       not run, counted as skipped, with the reason
  # long: MINUTES     run only if named or with -a; else counted as skipped

Status 0 passes, 77 skips (the reason is what follows SKIP: in the output),
anything else fails, and so does whatever the kernel complains about meanwhile,
and whatever is left behind. Guest tests with the same options share a guest.
"""

import argparse
import collections
import fcntl
import fnmatch
import getopt
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from kernel_log import complaints, read

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))

# A guest that did not even finish a test this long after the test's own limit
# (which is kept inside the guest) has stopped altogether.
GRACE = int(os.environ.get("FASTLOOP_GRACE", "90"))
# And a guest has to boot, which a busy machine makes long.
BOOT = 150
# Tests wait for leases, udev and disks for a tenth of their time: with one guest more
# than there are processors, those have something to do meanwhile.
JOBS = os.cpu_count() + 1
# A guest gets tests whose limits add up to at least this, unless there are no more, and
# to little more than that.
LEAST, MOST = 400, 3000


class Test:
    """One file, and what its header says."""

    def __init__(self, root, name):
        self.name = name
        self.path = os.path.join(root, name)
        self.where = None
        self.options = ""
        self.kernels = None
        self.timeout = None
        self.expect = []
        self.prepare = None
        self.off = None
        self.long = None

    def read_header(self):
        """True if the file is a test."""
        with open(self.path, encoding="utf-8", errors="replace") as f:
            head = [line.rstrip("\n") for _, line in zip(range(40), f)]
        for line in head:
            m = re.match(r"#\s*(guest|host|kernels|timeout|expect|prepare|off|long)"
                         r":\s*(.*)", line)
            if not m:
                continue
            key, value = m.group(1), m.group(2).strip()
            if key in ("guest", "host"):
                self.where, self.options = key, value
            elif key == "kernels":
                self.kernels = value.split()
            elif key == "timeout":
                self.timeout = int(value)
            elif key == "long":
                self.long = value
            elif key == "prepare":
                self.prepare = value
            elif key == "off":
                self.off = value or "is off, and does not say why"
            else:
                self.expect.append(re.compile(value))
        if self.kernels is None:
            self.kernels = ["debian"] + ["debug"] * (self.where == "guest")
        if self.timeout is None:
            self.timeout = 600 if self.where == "host" else 120
        return self.where is not None


class Result:
    """The verdict on one test."""

    def __init__(self, verdict, seconds=0.0, reasons=(), directory=None):
        self.verdict = verdict
        self.seconds = seconds
        self.reasons = list(reasons)
        self.directory = directory


def find_tests(root):
    """All tests below root/GROUP, in order."""
    tests = []
    for group in sorted(os.listdir(root)):
        directory = os.path.join(root, group)
        if not os.path.isdir(directory) or group in ("runner", "vm"):
            continue
        for name in sorted(os.listdir(directory)):
            path = os.path.join(directory, name)
            if not os.path.isfile(path) or not os.access(path, os.X_OK):
                continue
            test = Test(root, group + "/" + name)
            if test.read_header():
                tests.append(test)
    return tests


def selected(test, patterns):
    """A pattern is a group, a name, a glob, or a part of group/name."""
    if not patterns:
        return True
    return any(fnmatch.fnmatch(test.name, p) or test.name.startswith(p + "/")
               or p in test.name for p in patterns)


def judge(test, status, output, dmesg):
    """A verdict from what a finished test left."""
    lines = status.splitlines()
    reasons = lines[2:]
    bad = complaints(dmesg, test.expect)
    if bad:
        reasons.append("the kernel said: " + bad[0].strip())
    code = int(lines[0])
    seconds = int(lines[1]) / 1000 if len(lines) > 1 else 0.0
    if code in (124, 137):
        reasons.insert(0, f"not finished within {test.timeout} s")
    elif code not in (0, 77):
        reasons.insert(0, f"status {code}")
    if reasons:
        return Result("fail", seconds, reasons)
    if code == 77:
        why = [l[5:].strip() for l in output.splitlines() if l.startswith("SKIP:")]
        return Result("skip", seconds, [why[-1] if why else "gives no reason"])
    return Result("pass", seconds)


class Report:
    """TAP on stdout, and the totals."""

    def __init__(self):
        self.count = {"pass": 0, "fail": 0, "skip": 0}
        self.failed = []
        self.begin = time.monotonic()
        self.lock = threading.Lock()
        print("TAP version 13", flush=True)

    def add(self, name, result):
        """One line, and for a failure everything that may explain it."""
        with self.lock:
            self.add_locked(name, result)

    def add_locked(self, name, result):
        """The same, one at a time."""
        self.count[result.verdict] += 1
        number = sum(self.count.values())
        head = "not ok" if result.verdict == "fail" else "ok"
        line = f"{head} {number} - {name}"
        if result.verdict == "skip":
            line += " # SKIP " + result.reasons[0]
        else:
            line += f" # {result.seconds:.1f} s"
        print(line)
        if result.verdict == "fail":
            self.failed.append(name)
            self.explain(result)
        sys.stdout.flush()

    @staticmethod
    def explain(result):
        """Reasons, then the end of the output and of the kernel's log."""
        for reason in result.reasons:
            print("# " + reason)
        if not result.directory:
            return
        for what, keep in (("output", 60), ("dmesg", 60), ("console.log", 60)):
            lines = read(os.path.join(result.directory, what)).splitlines()
            if not lines or (what == "console.log" and os.path.exists(
                    os.path.join(result.directory, "dmesg"))):
                continue
            print(f"#   ---- {what} ({result.directory})")
            if len(lines) > keep:
                print(f"#   … {len(lines) - keep} lines before")
            for line in lines[-keep:]:
                print("#   " + line)

    def end(self):
        """The plan, the failures again, and the line that everybody wants."""
        total = sum(self.count.values())
        print(f"1..{total}")
        print(f"# {(time.monotonic() - self.begin) / 60:.0f} min")
        for name in self.failed:
            print("# failed: " + name)
        print(f"{self.count['pass']} passed, {self.count['fail']} failed, "
              f"{self.count['skip']} skipped", flush=True)
        return 1 if self.count["fail"] or not total else 0


class Runner:
    """Runs tests and files what they leave under the results directory."""

    def __init__(self, report, results, guests, args):
        self.report = report
        self.cpus = args.cpus
        self.boot = BOOT * args.times
        self.again = set()
        self.results = results
        self.guests = guests
        self.number = 0
        self.child = None
        self.ended = False

    def directory(self, kernel, name):
        """A fresh directory for one test's output."""
        path = os.path.join(self.results, kernel, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def stop(self):
        """End what still runs."""
        if not self.child or self.child.poll() is not None:
            return
        os.killpg(self.child.pid, signal.SIGTERM)
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()

    def part(self, tests, kernel, suffix):
        """Run tests of one kind."""
        if tests[0].where == "guest":
            self.guest(tests, kernel, suffix)
            return
        for test in tests:
            if self.ended:
                return
            self.host(test, kernel, test.name)

    # ---- on this machine

    def build(self, name, command):
        """One step of what guests need. True if it went well."""
        test = Test(TOP, "build/" + name)
        test.timeout = 3600
        test.path = os.path.join(TOP, command[0])
        return self.host(test, "host", test.name, command[1:]).verdict == "pass"

    def host(self, test, kernel, label, arguments=()):
        """Run one test here."""
        directory = self.directory(kernel, test.name)
        env = dict(os.environ, TOP=TOP, KERNEL=kernel)
        begin = time.monotonic()
        with open(os.path.join(directory, "output"), "wb") as out:
            self.child = subprocess.Popen(
                [test.path, *arguments], stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, env=env, cwd=directory,
                start_new_session=True)
            try:
                code = self.child.wait(test.timeout)
            except subprocess.TimeoutExpired:
                self.stop()
                code = 124
        milliseconds = int((time.monotonic() - begin) * 1000)
        result = judge(test, f"{code}\n{milliseconds}\n",
                       read(os.path.join(directory, "output")), "")
        result.directory = directory
        self.report.add(label, result)
        return result

    # ---- in guests

    def guest(self, tests, kernel, suffix):
        """Run tests with the same needs: in one guest, unless it is lost."""
        while tests and not self.ended:
            tests = self.batch(tests, kernel, suffix)

    def batch(self, tests, kernel, suffix):
        """One guest. Returns the tests that it did not get to."""
        self.guests.append(tests)
        number = self.number = len(self.guests)
        log = self.directory(kernel, f"guest-{number}")
        share = tempfile.mkdtemp(prefix="fastloop-batch.")
        with open(os.path.join(share, "tests"), "w", encoding="utf-8") as f:
            for t in tests:
                f.write(f"{t.name} {t.timeout} {t.path}\n")
        command = [os.path.join(TOP, "tests/vm/run"), "-k", kernel,
                   "-a", "log_buf_len=16M", "-c", "1",
                   "-s", share, "-o", log, "-t", "86400",
                   *shlex.split(tests[0].options),
                   *(["-c", str(self.cpus)] if self.cpus else []), "--",
                   os.path.join(TOP, "tests/runner/batch")]
        with open(os.path.join(log, "run"), "wb") as out:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True)
            rest = self.watch(tests, kernel, suffix, share, log)
        code = self.child.wait()
        for name in ("kmemleak", "unload", "dmesg.between", "dmesg.end"):
            if os.path.exists(os.path.join(share, name)):
                shutil.copy(os.path.join(share, name), log)
        shutil.rmtree(share, ignore_errors=True)
        if code == 0:
            self.report.add(f"guest-{number}/end{suffix}", self.judge_end(log))
        return rest

    def watch(self, tests, kernel, suffix, share, log):
        """Report tests as their verdicts appear, until all have or the guest
        is gone. Returns those that a fresh guest has to run."""
        begin = time.monotonic()
        left = list(tests)
        deadline = begin + self.boot
        while left:
            test = left[0]
            status = os.path.join(share, test.name, "status")
            ended = self.child.poll() is not None
            if os.path.exists(status):
                self.file_result(test, kernel, suffix, share)
                left.pop(0)
                deadline = time.monotonic() + GRACE
                continue
            if ended:
                break
            if os.path.exists(os.path.join(share, test.name, "started")):
                started = os.path.getmtime(os.path.join(share, test.name, "started"))
                deadline = max(deadline, time.monotonic() + test.timeout
                               + GRACE - (time.time() - started))
            if time.monotonic() > deadline:
                self.stop()
                break
            time.sleep(0.1)
        if not left:
            # It still unloads the module and looks for leaks.
            try:
                self.child.wait(self.boot + GRACE)
            except subprocess.TimeoutExpired:
                self.stop()
                self.report.add(f"guest-{self.number}/end{suffix}",
                                Result("fail", 0, ["the guest does not end"], log))
            return []
        if self.child.returncode == 3:
            # The last test left something that cannot be cleaned away.
            return left
        return self.lost(left, kernel, suffix, share, log)

    def lost(self, left, kernel, suffix, share, log):
        """The guest is gone: blame the test that was running. A guest in which
        none was cannot run any."""
        test = left[0]
        directory = self.directory(kernel, test.name)
        if os.path.exists(os.path.join(share, test.name, "started")):
            self.copy(share, test, directory)
            if os.path.exists(os.path.join(log, "console.log")):
                shutil.copy(os.path.join(log, "console.log"), directory)
            self.report.add(test.name + suffix, Result(
                "fail", 0, ["the guest was lost"], directory))
            return left[1:]
        if test.name in self.again:
            for t in left:
                self.report.add(t.name + suffix, Result(
                    "fail", 0, ["the guest did not come up"] +
                    read(os.path.join(log, "run")).splitlines()[-20:]))
            return []
        self.again.add(test.name)
        if os.path.exists(os.path.join(share, ".up")):
            self.report.add(f"guest-{self.number}/end{suffix}", Result(
                "fail", 0, [f"the guest was lost before {test.name}"], log))
        else:
            # On a busy machine the emulator's processors now and then do not
            # find each other at boot. Not twice.
            print(f"# the guest for {test.name} did not come up: another one", flush=True)
        return left

    @staticmethod
    def copy(share, test, directory):
        """What the guest left for a test."""
        source = os.path.join(share, test.name)
        for name in os.listdir(source):
            shutil.copy(os.path.join(source, name), directory)

    def file_result(self, test, kernel, suffix, share):
        """Keep what a finished test left, and report it."""
        directory = self.directory(kernel, test.name)
        self.copy(share, test, directory)
        result = judge(test, *(read(os.path.join(directory, name))
                               for name in ("status", "output", "dmesg")))
        result.directory = directory
        self.report.add(test.name + suffix, result)

    @staticmethod
    def judge_end(log):
        """Between the tests, at unloading, and after it all is well too."""
        reasons = complaints(read(os.path.join(log, "dmesg.between")) +
                             read(os.path.join(log, "dmesg.end")))
        for name in ("unload", "kmemleak"):
            reasons += read(os.path.join(log, name)).splitlines()[:40]
        return Result("fail" if reasons else "pass", 0, reasons[:60])


def results_directory(wanted):
    """A directory that no other runner writes to just now: build/test-results,
    or that with a number. It is ours as long as we live."""
    base = wanted or os.path.join(TOP, "build", "test-results")
    for number in range(1, 100):
        path = base if number == 1 else f"{base}.{number}"
        os.makedirs(path, exist_ok=True)
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.realpath(path)
        except BlockingIOError:
            os.close(lock)
    sys.exit(f"tests/run: all of {base}* are in use")


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests/run", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-l", "--list", action="store_true",
                        help="list the tests, run none")
    parser.add_argument("-k", "--kernel", action="append", metavar="KERNEL",
                        help="debian (default) or debug; may be given twice")
    parser.add_argument("-T", "--tests", default=os.path.join(TOP, "tests"),
                        metavar="DIR", help="another directory of tests")
    parser.add_argument("-o", "--results", metavar="DIR",
                        help="where output is kept (build/test-results)")
    parser.add_argument("-a", "--all", action="store_true",
                        help="those that take long, too, and each as thorough as it can be")
    parser.add_argument("-j", "--jobs", type=int, default=JOBS, metavar="N",
                        help="guests at a time (one more than processors)")
    parser.add_argument("-c", "--cpus", type=int, metavar="N",
                        help="processors of each guest, whatever the tests say")
    parser.add_argument("-x", "--times", type=int, default=1, metavar="N",
                        help="all time limits N times as long: a busy machine")
    parser.add_argument("pattern", nargs="*",
                        help="a group, a name, a glob, or part of a name")
    return parser.parse_args()


def needs(options):
    """The disks among a guest's options, and what else they say."""
    found, _ = getopt.getopt(shlex.split(options), "a:c:d:m:q:inS")
    return ([value for name, value in found if name == "-d"],
            sorted(pair for pair in found if pair[0] != "-d"))


def share_guests(tests):
    """A guest takes longer to start than many a test: one that has more disks behind
    those that a test asks for does for it as well."""
    guests = sorted((t for t in tests if t.where == "guest"),
                    key=lambda t: -len(needs(t.options)[0]))
    for test in guests:
        disks, others = needs(test.options)
        for other in guests:
            more, same = needs(other.options)
            if more[:len(disks)] == disks and same == others:
                test.options = other.options
                break


def jobs_for(tests, kernels):
    """(kernel, suffix, host tests, {options: guest tests}) for each kernel.
    What runs on this machine runs once."""
    seen = set()
    for kernel in kernels:
        suffix = "" if kernel == "debian" else f" [{kernel}]"
        mine = [t for t in tests if kernel in t.kernels
                and not (t.where == "host" and t.name in seen)]
        hosts = [t for t in mine if t.where == "host"]
        seen.update(t.name for t in hosts)
        guests = {}
        for t in mine:
            if t.where == "guest":
                options = " ".join(t.options.split())
                if kernel != "debug":
                    # No other kernel has it.
                    options = options.replace(" -a kmemleak=on", "")
                guests.setdefault(options, []).append(t)
        yield kernel, suffix, hosts, guests


def limits(tests):
    """What they may take in all, in seconds, on a machine that is not busy."""
    return sum(t.timeout for t in tests)


def split_jobs(jobs, ready, at_a_time):
    """(tests, kernel, suffix) for this machine and for each guest. This machine's
    run one after the other: they may take each other's time, but not each other's
    files. Guests have less and less to do, and begin with those that have most, so that
    all end at about the same time."""
    hosts = []
    parts = []
    groups = []
    for kernel, suffix, here, guests in jobs:
        if here:
            hosts.append((here, kernel, suffix))
        groups += [(limits(group), group, kernel, suffix)
                   for group in guests.values() if kernel in ready]
    left = sum(group[0] for group in groups)
    for _, group, kernel, suffix in sorted(groups, key=lambda g: -g[0]):
        group = collections.deque(group)
        while group:
            part = []
            most = min(max(LEAST, left / (2 * at_a_time - 1)), MOST)
            while group and limits(part) < most:
                part.append(group.popleft())
            left -= limits(part)
            parts.append((part, kernel, suffix))
    parts.sort(key=lambda part: -limits(part[0]))
    return collections.deque(hosts + parts)


def run_parts(runners, parts):
    """All parts, as many at a time as there are runners."""
    errors = []

    def next_part():
        try:
            return parts.popleft()
        except IndexError:
            return None

    def work(runner):
        try:
            while part := next_part():
                runner.part(*part)
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)

    threads = [threading.Thread(target=work, args=(r,), daemon=True) for r in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(1)
    if errors:
        raise errors[0]


def build_all(runner, kernels):
    """Everything that guests need, before there is one. Returns the kernels
    that can be booted with our module."""
    runner.build("packages", ["tests/packages"])
    runner.build("dmlosetup", ["tests/runner/build-tool"])
    runner.build("programs", ["tests/programs"])
    return [k for k in kernels
            if runner.build(f"kernel-{k}", ["tests/vm/kernel", k])
            and runner.build(f"module-{k}", ["tests/vm/module", k])]


def prepare_all(runner, tests):
    """What some tests need besides. Without it they fail, and say why."""
    for command in sorted({t.prepare for t in tests if t.prepare}):
        words = shlex.split(command)
        runner.build("-".join([os.path.basename(words[0]), *words[1:]]), words)


def main():
    """Do what the command line says."""
    args = parse_arguments()
    kernels = args.kernel or ["debian"]
    os.environ["THOROUGH"] = "y" if args.all else ""
    tests = [t for t in find_tests(os.path.realpath(args.tests))
             if selected(t, args.pattern)]
    for t in tests:
        if t.long and not t.off and not args.all and not args.pattern:
            t.off = f"takes {t.long} minutes; tests/run -a"
    share_guests([t for t in tests if not t.off])
    jobs = list(jobs_for([t for t in tests if not t.off], kernels))
    if args.list:
        # Whoever reads it may stop.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        for kernel, suffix, hosts, guests in jobs:
            for t in hosts + [t for group in guests.values() for t in group]:
                print(f"{t.name}{suffix}\t{t.where} {t.options}".rstrip())
        return 0
    report = Report()
    for t in tests:
        if not set(t.kernels) & set(kernels):
            report.add(t.name, Result("skip", 0, [f"is for -k {' or '.join(t.kernels)}"]))
        elif t.off:
            report.add(t.name, Result("skip", 0, [t.off]))
    results = results_directory(args.results)
    guests = []
    runners = [Runner(report, results, guests, args) for _ in range(max(1, args.jobs))]
    runner = runners[0]
    parts = collections.deque()

    def interrupted(signum, _frame):
        parts.clear()
        for r in runners:
            r.ended = True
        for r in runners:
            r.stop()
        sys.exit(128 + signum)

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    # The harness's own tests need nothing of ours.
    needed = [kernel for kernel, _, _, guests in jobs if guests]
    ready = needed
    if needed and os.path.realpath(args.tests) == os.path.join(TOP, "tests"):
        ready = build_all(runner, needed)
    for kernel, suffix, _, groups in jobs:
        for group in groups.values() if kernel not in ready else []:
            for test in group:
                report.add(test.name + suffix, Result(
                    "fail", 0, ["what it needs was not built"]))
    prepare_all(runner, [t for part in jobs for group in part[3].values() for t in group])
    parts.extend(split_jobs(jobs, ready, len(runners)))
    for t in (t for part in parts for t in part[0]):
        t.timeout *= args.times
    run_parts(runners, parts)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())

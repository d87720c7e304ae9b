#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Real time, on one CPU of User Mode Linux, or two of a guest: fastloop beside
dm-linear and loop. Run by tests/bench/run through tests/bench/uml or smp:

  realtime.py FILE [PART]...   one line of JSON for each figure to FILE

The host's file systems are on DISK (/dev/ram0); ROUNDS is 3, SECONDS_EACH cell 1, and
DEVICES 4096, if the environment does not say else.
Rounds go over all devices in turn, so that what else the machine does meets all of
them alike; a figure is the median of its rounds."""

import ctypes
import json
import mmap
import os
import subprocess
import sys
import time

DISK = os.environ.get("DISK", "/dev/ram0")
HOST = "/mnt/host"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("SECONDS_EACH", "1"))
DEVICES = int(os.environ.get("DEVICES", "4096"))
MIB = 1 << 20


def run(*command, text=None):
    """Output of a command that must succeed."""
    return subprocess.run(command, input=text, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


class Figures:
    """Samples by what they are of; written out as medians."""

    def __init__(self, path):
        self.path = path
        self.samples = {}

    def add(self, value, unit, **what):
        """One sample."""
        key = json.dumps(dict(what, unit=unit), sort_keys=True)
        self.samples.setdefault(key, []).append(value)

    def write(self):
        """All there are so far."""
        with open(self.path, "w", encoding="utf-8") as out:
            for key, values in self.samples.items():
                figure = json.loads(key)
                values.sort()
                figure["value"] = values[len(values) // 2]
                figure["samples"] = values
                print(json.dumps(figure), file=out)


# ---- what is measured on

def host_fs(fs, *options):
    """An empty file system on the disk, or in memory, mounted."""
    os.makedirs(HOST, exist_ok=True)
    if fs == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", HOST)
        return
    make = {"ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
            "xfs": ["mkfs.xfs", "-q", "-f"],
            "btrfs": ["mkfs.btrfs", "-q", "-f"]}[fs]
    if fs == "btrfs":
        run("modprobe", "-d", os.environ["MODULES"], "btrfs")
    run(*make, *options, DISK)
    run("mount", DISK, HOST)


def no_host():
    """As it was before."""
    run("umount", HOST)


def written(path, size):
    """A file with all its blocks written, in the pages that brd then has."""
    run("dd", "if=/dev/zero", "of=" + path, "bs=1M", f"count={size // MIB}",
        "oflag=direct", "status=none")
    run("sync")


def sparse(path, size):
    """A file that is one hole."""
    with open(path, "wb") as f:
        f.truncate(size)


def fastloop(path):
    """A device on the file."""
    size = os.stat(path).st_size
    run("dmsetup", "create", "fastloop", "--table", f"0 {size // 512} fastloop {path} 0")
    return "/dev/mapper/fastloop"


def linear(table):
    """A device on parts of the disk, which is not mounted."""
    run("dmsetup", "create", "linear", text=table)
    return "/dev/mapper/linear"


def linear_table(path):
    """The blocks of a file, as a table of dm-linear."""
    lines = []
    for line in run("xfs_io", "-r", "-c", "fiemap", path).splitlines()[1:]:
        _, logical, physical = line.replace(":", " ").split()[:3]
        if physical == "hole":
            continue
        first, last = (int(n) for n in logical.strip("[]").split(".."))
        lines.append(f"{first} {last - first + 1} linear {DISK} {physical.split('..')[0]}")
    return "\n".join(lines)


def remove(device):
    """Whatever made it."""
    if device.startswith("/dev/loop"):
        run("losetup", "-d", device)
        while os.path.exists(f"/sys/block/{os.path.basename(device)}/loop"):
            time.sleep(0.01)
    elif device != DISK:
        run("dmsetup", "remove", device)


def loop(path, direct):
    """A loop device on the file."""
    device = run("losetup", "-f", "--show", "--direct-io=" + ("on" if direct else "off"), path)
    with open(f"/sys/block/{os.path.basename(device)}/loop/dio", encoding="ascii") as f:
        assert int(f.read()) == direct, "loop's direct I/O is not as it was asked for"
    return device


# ---- measuring

def fio(device, jobs):
    """jobs: {name: options}, one after the other; fio's results by name."""
    text = "[global]\nioengine=libaio\ndirect=1\nthread\nrandrepeat=1\nnorandommap\n"
    text += f"filename={device}\n"
    for name, options in jobs.items():
        text += f"[{name}]\nstonewall\n" + "".join(f"{k}={v}\n" for k, v in options.items())
    with open("jobs", "w", encoding="utf-8") as f:
        f.write(text)
    data = json.loads(run("fio", "--output-format=json", "jobs"))
    return {job["jobname"]: job for job in data["jobs"]}


def iops(job):
    """Of reads and writes together."""
    return job["read"]["iops"] + job["write"]["iops"]


def cells(sizes=("4k", "64k", "1m"), depths=(1, 32), kinds=("randread", "randwrite", "randrw")):
    """fio's options for each cell of the matrix."""
    return {f"{rw},{bs},{depth}": {
        "rw": rw, "bs": bs, "iodepth": depth, "time_based": 1, "runtime": f"{SECONDS * 1000:.0f}ms",
        "iodepth_batch": (depth + 1) // 2, "iodepth_batch_complete": (depth + 1) // 2}
        for rw in kinds for bs in sizes for depth in depths}


def matrix(figures, part, fs, what, device, jobs):
    """All cells on one device."""
    mode = "file" if part == "file mode" else "direct"
    if what == "fastloop":
        assert run("dmsetup", "status", "fastloop").split()[3] == mode
    for name, job in fio(device, jobs).items():
        rw, bs, depth = name.split(",")
        where = dict(part=part, fs=fs, what=what, rw=rw, bs=bs, depth=int(depth))
        figures.add(round(iops(job), 1), "IOPS", **where)
        if depth == "1" and rw != "randrw":
            side = job["read" if rw == "randread" else "write"]
            figures.add(side["clat_ns"]["percentile"]["99.000000"] / 1000, "us p99", **where)


def beside_loop(figures, part, fs, image, jobs):
    """All cells on each kind of device on a file. tmpfs has no direct I/O."""
    for what, make in (("fastloop", lambda: fastloop(image)),
                       ("loop dio", lambda: loop(image, True)),
                       ("loop buffered", lambda: loop(image, False))):
        if fs == "tmpfs" and what == "loop dio":
            continue
        device = make()
        matrix(figures, part, fs, what, device, jobs)
        remove(device)


def speed(figures):
    """A written file: the whole matrix."""
    for fs in ("ext4", "xfs"):
        host_fs(fs)
        image = HOST + "/image"
        written(image, 512 * MIB)
        table = linear_table(image)
        for _ in range(ROUNDS):
            no_host()
            device = linear(table)
            matrix(figures, "speed", fs, "dm-linear", device, cells())
            remove(device)
            run("mount", DISK, HOST)
            beside_loop(figures, "speed", fs, image, cells())
            figures.write()
        no_host()


def scaling(figures):
    """Random reads and writes of a written file, by one job and by two, each on a CPU of
    its own: how many times as much two do."""
    host_fs("ext4")
    image = HOST + "/image"
    written(image, 512 * MIB)
    table = linear_table(image)

    def both(what, device):
        for rw in ("randread", "randwrite"):
            options = {"rw": rw, "bs": "4k", "iodepth": 32, "iodepth_batch": 16,
                       "iodepth_batch_complete": 16, "time_based": 1,
                       "runtime": f"{SECONDS * 4000:.0f}ms", "group_reporting": 1}
            did = [iops(fio(device, {"n": {**options, "numjobs": jobs, "cpus_allowed": cpus,
                                           "cpus_allowed_policy": "split"}})["n"])
                   for jobs, cpus in ((1, "0"), (2, "0-1"))]
            where = dict(part="scaling", fs="ext4", what=what, rw=rw)
            figures.add(round(did[0], 1), "IOPS of one", **where)
            figures.add(round(did[1], 1), "IOPS of two", **where)
            figures.add(round(did[1] / did[0], 3), "times as much", **where)

    for _ in range(ROUNDS):
        no_host()
        device = linear(table)
        both("dm-linear", device)
        remove(device)
        run("mount", DISK, HOST)
        device = fastloop(image)
        both("fastloop", device)
        remove(device)
        figures.write()
    no_host()


def host_extents(path):
    """How many the host's file system has made of it."""
    out = run("xfs_io", "-r", "-c", "fiemap", path)
    return sum("hole" not in line for line in out.splitlines()[1:])


def first_write(figures):
    """A sparse file is written for the first time."""
    jobs = {"sequential": {"rw": "write", "bs": "1m", "iodepth": 32, "size": "512m"},
            "random": {"rw": "randwrite", "bs": "4k", "iodepth": 32, "size": "512m",
                       "io_size": "32m"}}
    for fs in ("ext4", "xfs"):
        for _ in range(ROUNDS):
            for what, make in (("fastloop", fastloop), ("loop dio", lambda p: loop(p, True))):
                for name, options in jobs.items():
                    host_fs(fs)
                    image = HOST + "/image"
                    sparse(image, 512 * MIB)
                    device = make(image)
                    job = fio(device, {name: options})[name]
                    remove(device)
                    run("sync")
                    where = dict(part="first write", fs=fs, what=what, rw=name)
                    figures.add(round(job["write"]["bw"] / 1024, 1), "MiB/s", **where)
                    figures.add(host_extents(image), "extents", **where)
                    no_host()
            figures.write()


def holes(figures):
    """Reads where nothing is."""
    host_fs("ext4")
    image = HOST + "/image"
    sparse(image, 512 * MIB)
    jobs = cells(kinds=("randread",), sizes=("4k", "64k"))
    for _ in range(ROUNDS):
        beside_loop(figures, "holes", "ext4", image, jobs)
    no_host()


def file_mode(figures):
    """Through the file system: because of what it is, or of somebody who writes."""
    jobs = cells(kinds=("randread", "randwrite"))
    for fs in ("btrfs", "tmpfs", "ext4"):
        host_fs(fs)
        image = HOST + "/image"
        run("dd", "if=/dev/zero", "of=" + image, "bs=1M", "count=256", "status=none")
        run("sync")
        other = os.open(image, os.O_RDWR)
        for _ in range(ROUNDS):
            beside_loop(figures, "file mode", fs, image, jobs)
        os.close(other)
        no_host()
        figures.write()


def slab(name):
    """Bytes in objects of a slab cache."""
    with open("/proc/slabinfo", encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if words[0] == name:
                return int(words[1]) * int(words[3])
    raise KeyError(name)


def status():
    """The words of the status line, those with a colon by name."""
    words = run("dmsetup", "status", "fastloop").split()
    return dict(w.split(":", 1) for w in words[5:])


def attach_one(figures, what, image):
    """From the command to the end of the first read, of a file that is not cached."""
    for _ in range(ROUNDS):
        run("sync")
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
            f.write("3")
        begin = time.monotonic()
        device = fastloop(image)
        fd = os.open(device, os.O_RDONLY | os.O_DIRECT)
        buffer = mmap_buffer()
        os.preadv(fd, [buffer], 0)
        figures.add(round((time.monotonic() - begin) * 1000, 2), "ms", part="attach", what=what)
        os.close(fd)
        remove(device)


def mmap_buffer():
    """4 KiB, aligned."""
    return mmap.mmap(-1, 4096)


def many_extents(path, count, stride):
    """One block of 4 KiB in each stride."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, count * stride)
    block = b"\x11" * 4096
    for i in range(count):
        os.pwrite(fd, block, i * stride)
        if i % 20000 == 0:
            libc.sync_file_range(fd, ctypes.c_long(0), ctypes.c_long(0), 7)
    os.fsync(fd)
    os.close(fd)


def attach(figures):
    """How long it takes, how much memory the map is, what stays in the page cache."""
    host_fs("ext4")
    image = HOST + "/written"
    written(image, 1024 * MIB)
    attach_one(figures, "1 GiB, written", image)
    device = fastloop(image)
    fio(device, {"all": {"rw": "randrw", "bs": "64k", "iodepth": 16, "size": "1g", "io_size": "1g"}})
    figures.add(page_cache(image), "pages in the cache", part="page cache",
                what="after 1 GiB of I/O")
    was = status()
    run("blockdev", "--flushbufs", device)
    fio(device, {"f": {"rw": "randwrite", "bs": "4k", "fsync": 1, "number_ios": 200, "size": "1g"}})
    now = status()
    figures.add(int(now["flushes"]) - int(was["flushes"]), "flushes", part="flush",
                what="of a written file, 200 asked for")
    figures.add(int(now["syncs"]) - int(was["syncs"]), "syncs of the file", part="flush",
                what="of a written file, 200 asked for")
    remove(device)
    os.unlink(image)
    image = HOST + "/sparse"
    sparse(image, 1 << 40)
    attach_one(figures, "1 TiB, sparse", image)
    os.unlink(image)
    image = HOST + "/extents"
    many_extents(image, 1000000, 65536)
    attach_one(figures, "64 GiB in 1,000,000 extents", image)
    before = slab("fastloop_node")
    device = fastloop(image)
    begin = time.monotonic()
    while True:
        known, total = run("dmsetup", "message", "fastloop", "0", "preload").split("/")
        if known == total:
            break
    figures.add(round(time.monotonic() - begin, 2), "s", part="preload", what="1,000,000 extents")
    ranges = int(status()["extents"])
    memory = slab("fastloop_node") - before
    figures.add(round(memory / ranges, 2), "bytes a range", part="map memory",
                what=f"{ranges} ranges")
    # Written ones; behind each is a hole, which is a range as well.
    figures.add(round(memory / 1000000, 2), "bytes an extent", part="map memory",
                what="1,000,000 extents, each with a hole behind it")
    remove(device)
    no_host()
    figures.write()


def outsider(figures):
    """How long others wait to open the file for writing, with 32 I/Os in flight."""
    for fs in ("ext4", "xfs"):
        host_fs(fs)
        image = HOST + "/image"
        written(image, 256 * MIB)
        device = fastloop(image)
        with subprocess.Popen(["fio", "--name=load", "--filename=" + device, "--rw=randrw",
                               "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--direct=1",
                               "--time_based", "--runtime=300"],
                              stdout=subprocess.DEVNULL) as load:
            waits = []
            for _ in range(20 * ROUNDS):
                time.sleep(0.1)
                while run("dmsetup", "message", "fastloop", "0", "recheck") != "direct -":
                    time.sleep(0.02)
                time.sleep(0.1)
                begin = time.monotonic()
                os.close(os.open(image, os.O_RDWR))
                assert load.poll() is None, "the load has ended"
                waits.append(round((time.monotonic() - begin) * 1000, 3))
            load.terminate()
        for wait in waits:
            figures.add(wait, "ms", part="outsider", fs=fs, what="open for writing")
        figures.add(max(waits), "ms", part="outsider", fs=fs, what="the longest of them")
        remove(device)
        no_host()
    figures.write()


def page_cache(path):
    """Pages of the file that are cached."""
    return int(run("fincore", "-n", "-b", "-o", "PAGES", path) or 0)


def available():
    """KiB of memory."""
    with open("/proc/meminfo", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("MemAvailable"))


def devices(figures):
    """Many of them: how long to make and to remove each, how much memory it is."""
    host_fs("ext4")
    for i in range(DEVICES):
        sparse(f"{HOST}/{i}", MIB)
    tool = os.environ["TOP"] + "/dmlosetup/dmlosetup"
    for what, command in (("loop", "losetup"), ("fastloop", tool)):
        memory = available()
        begin = time.monotonic()
        made = [run(command, "-f", "--show", f"{HOST}/{i}") for i in range(DEVICES)]
        took = time.monotonic() - begin
        figures.add(round(took * 1000 / DEVICES, 2), "ms to make", part="devices", what=what)
        figures.add(round((memory - available()) / DEVICES, 1), "KiB each", part="devices",
                    what=what)
        begin = time.monotonic()
        run(command, "-l")
        figures.add(round((time.monotonic() - begin) * 1000, 1), "ms to list all",
                    part="devices", what=what)
        begin = time.monotonic()
        for device in made:
            run(command, "-d", device)
        took = time.monotonic() - begin
        figures.add(round(took * 1000 / DEVICES, 2), "ms to remove", part="devices", what=what)
        figures.write()
    no_host()


# The last two only if they are named: they need two CPUs, and a disk that takes its time.
PARTS = {"speed": speed, "holes": holes, "file-mode": file_mode, "attach": attach,
         "outsider": outsider, "devices": devices, "scaling": scaling,
         "first-write": first_write}


def main():
    """The parts named, or all."""
    figures = Figures(sys.argv[1])
    for name in sys.argv[2:] or list(PARTS)[:-2]:
        print(name, flush=True)
        PARTS[name](figures)
        figures.write()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The figures of realtime.py beside their bars: bars.py FIGURES [PART]... Each line is a
figure of fastloop, the one it is compared with, their ratio, the bar, and "met" or
"missed"."""

import json
import sys

# FIEMAP of a table load may take so long (FLOOP_PRELOAD_AT_START).
FIEMAP_MS = 100


class Table:
    """Lines, and how many of them are met."""

    def __init__(self):
        self.met = self.missed = 0

    def missing(self, name):
        """There should be a figure."""
        self.missed += 1
        print(f"{name:<52} NOT MEASURED")

    def plain(self, name, value, other=""):
        """A figure that has no bar."""
        print(f"{name:<52} {value:>12} {other:>12}")

    def line(self, name, value, other, ratio, sign, bar):
        """One comparison."""
        good = ratio >= bar if sign == ">=" else ratio <= bar
        self.met += good
        self.missed += not good
        print(f"{name:<52} {value:>12} {other:>12} {ratio:>8.3f} {sign} {bar:<6g} "
              + ("met" if good else "MISSED"))


def number(value):
    """Short enough to read."""
    return f"{value:.0f}" if value >= 100 else f"{value:.4g}"


def compare(table, figures, part, unit, peer, sign, bar, where=lambda f: True):
    """Every figure of fastloop in a part with the peer's of the same cell."""
    def cell(figure):
        return tuple(sorted((k, v) for k, v in figure.items()
                            if k not in ("what", "value", "samples")))
    of_part = [f for f in figures if f["part"] == part and f["unit"] == unit and where(f)]
    if not any(f["what"] == "fastloop" for f in of_part):
        table.missing(f"{part}, {unit}, {peer}")
    peers = {cell(f): f["value"] for f in of_part if f["what"] == peer}
    for f in of_part:
        if f["what"] != "fastloop":
            continue
        name = " ".join(str(f[k]) for k in ("part", "fs", "rw", "bs", "depth") if k in f)
        other = peers.get(cell(f))
        if other is None:
            table.missing(f"{name}, {unit}, {peer}")
            continue
        table.line(f"{name}, {unit}, {peer}", number(f["value"]), number(other),
                   f["value"] / other if other else float(f["value"] > 0), sign, bar)


def absolute(table, figures, part, unit, sign, bar):
    """Figures that have nobody to be compared with."""
    of_part = [f for f in figures if f["part"] == part and f["unit"] == unit]
    if not of_part:
        table.missing(f"{part}, {unit}")
    for f in of_part:
        table.line(f"{part}: {f['what']}, {unit}", number(f["value"]), "", f["value"], sign, bar)


def speed(table, figures):
    """A written file."""
    compare(table, figures, "speed", "IOPS", "dm-linear", ">=", 0.97)
    compare(table, figures, "speed", "IOPS", "loop dio", ">=", 1.9,
            lambda f: f["depth"] == 32)
    compare(table, figures, "speed", "us p99", "dm-linear", "<=", 1.05)


def scaling(table, figures):
    """What a second processor adds."""
    compare(table, figures, "scaling", "times as much", "dm-linear", ">=", 0.97)


def first_write(table, figures):
    """A sparse file."""
    compare(table, figures, "first write", "MiB/s", "loop dio", ">=", 1.3,
            lambda f: f["fs"] == "ext4")
    compare(table, figures, "first write", "MiB/s", "loop dio", ">=", 1.0,
            lambda f: f["fs"] == "xfs")
    compare(table, figures, "first write", "extents", "loop dio", "<=", 1.0)


def holes(table, figures):
    """Reads of what is not there."""
    compare(table, figures, "holes", "IOPS", "loop dio", ">=", 5)
    compare(table, figures, "holes", "IOPS", "loop buffered", ">=", 5)


def file_mode(table, figures):
    """Through the file."""
    compare(table, figures, "file mode", "IOPS", "loop dio", ">=", 1.0,
            lambda f: f["fs"] != "tmpfs")
    compare(table, figures, "file mode", "IOPS", "loop buffered", ">=", 1.0,
            lambda f: f["fs"] == "tmpfs")


def attach(table, figures):
    """And what it leaves behind."""
    times = [f["value"] for f in figures if f["part"] == "attach"]
    absolute(table, figures, "attach", "ms", "<=", 2 * min(times, default=0) + FIEMAP_MS)
    absolute(table, figures, "map memory", "bytes a range", "<=", 24)
    absolute(table, figures, "map memory", "bytes an extent", "<=", 24)
    absolute(table, figures, "page cache", "pages in the cache", "<=", 0)
    absolute(table, figures, "flush", "syncs of the file", "<=", 0)


def outsider(table, figures):
    """Others' waiting."""
    absolute(table, figures, "outsider", "ms", "<=", 1000)


def devices(table, figures):
    """Many of them."""
    for unit in ("ms to make", "ms to remove"):
        compare(table, figures, "devices", unit, "loop", "<=", 1.0)
    for unit in ("KiB each", "ms to list all"):
        of_unit = {f["what"]: number(f["value"]) for f in figures
                   if f["part"] == "devices" and f["unit"] == unit}
        table.plain(f"devices, {unit}, loop", of_unit.get("fastloop", "-"),
                    of_unit.get("loop", "-"))


# By the names that realtime.py has for them; the last two only if they are named.
PARTS = {"speed": speed, "holes": holes, "file-mode": file_mode, "attach": attach,
         "outsider": outsider, "devices": devices, "scaling": scaling,
         "first-write": first_write}


def main():
    """The bars of the parts named, or of those that one CPU is enough for."""
    with open(sys.argv[1], encoding="utf-8") as f:
        figures = [json.loads(line) for line in f]
    table = Table()
    for name in sys.argv[2:] or list(PARTS)[:-2]:
        PARTS[name](table, figures)
    print(f"\n{table.met} met, {table.missed} missed")


main()

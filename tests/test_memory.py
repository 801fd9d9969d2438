"""Memory that is held for large outputs, and given back."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from contextlib import nullcontext
import torch
from maia_lab.systems.memory import held

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def pages(block):
    torch.ones(12 << 20)
    with block:
        torch.ones(12 << 20)
        before = faults()
        for _ in range(4):
            torch.ones(12 << 20)
        return faults() - before

def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * resource.getpagesize()

before = pages(nullcontext())
with held():
    inside = pages(held())
    kept = resident()
print(before, inside, kept - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_outputs_take_the_memory_of_those_before_them_until_it_is_given_back():
    for _ in range(6):
        told = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True)
        before, inside, given = map(int, told.stdout.split())
        if inside < 100:
            break
        # Rarely, what lies above the heap of a process leaves it no room to grow.
    assert before > 4 * 10_000, "48 MiB each: 12,288 pages"
    assert inside < 100
    assert given > 40 << 20

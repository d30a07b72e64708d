"""What a container leaves of a machine: its control groups, of both versions, nested ones too."""

import pytest

from labkit.models import machine as machine_module
from labkit.models.machine import ContainerLimits, container_limits, inspect_machine

GIB = 1024**3
TENTH = GIB // 10


@pytest.fixture
def limits(tmp_path):
    """``limits(groups, files)``: what is read where a process is in these groups."""

    def read(groups, files):
        for name, content in files.items():
            file = tmp_path / "cgroup" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{content}\n")
        (tmp_path / "own").write_text("\n".join(groups) + "\n")
        return container_limits(tmp_path / "cgroup", tmp_path / "own")

    return read


def test_pages_of_files_count_as_free(limits):
    """As `docker stats` and kubectl count: use is memory.current less inactive_file."""
    found = limits(
        ["0::/"],
        {
            "memory.max": 20 * TENTH,
            "memory.current": 19 * TENTH,
            "memory.stat": f"anon {5 * TENTH}\ninactive_file {14 * TENTH}\nactive_file 7",
        },
    )
    assert found == ContainerLimits((20 * TENTH,), (15 * TENTH,), ())


def test_version_1(limits):
    """A container sees the host's path, and has its own group mounted at the top."""
    found = limits(
        ["4:memory:/docker/0123", "2:cpu,cpuacct:/docker/0123", "1:name=systemd:/"],
        {
            "memory/memory.limit_in_bytes": GIB,
            "memory/memory.usage_in_bytes": 6 * TENTH,
            "memory/memory.stat": f"inactive_file 5\ntotal_inactive_file {2 * TENTH}",
            "cpu,cpuacct/cpu.cfs_quota_us": 100_000,
            "cpu,cpuacct/cpu.cfs_period_us": 100_000,
        },
    )
    assert found == ContainerLimits((GIB,), (GIB - 4 * TENTH,), (1,))


def test_nested_groups_limit_too(limits):
    found = limits(
        ["0::/pod/container"],
        {
            "pod/memory.max": 2 * GIB,
            "pod/memory.current": GIB,
            "pod/cpu.max": "300000 100000",
            "pod/container/memory.max": "max",
            "pod/container/memory.current": GIB,
            "pod/container/cpu.max": "max 100000",
            "other/memory.max": 1,
            "other/cpu.max": "1 100000",
        },
    )
    assert found == ContainerLimits((2 * GIB,), (GIB,), (3,))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("100000 100000", 1), ("150000 100000", 2), ("5000 100000", 1), ("400000 50000", 8)],
)
def test_a_part_of_a_core_counts_as_one(limits, quota, cores):
    assert limits(["0::/"], {"cpu.max": quota}).cores == (cores,)


def test_no_limit_is_none(limits):
    files = {"memory.max": "max", "memory.current": 5, "cpu.max": "max 100000"}
    assert limits(["0::/"], files) == ContainerLimits()
    assert limits(["1:cpu:/"], {"cpu/cpu.cfs_quota_us": -1}).cores == ()


def test_the_tightest_limit_is_the_machines(monkeypatch):
    tight = ContainerLimits((2 * GIB, GIB), (3 * TENTH, -5), (4, 1))
    monkeypatch.setattr(machine_module, "container_limits", lambda: tight)
    here = inspect_machine()
    assert (here.memory_bytes, here.available_bytes, here.cores) == (GIB, 0, 1)

"""Memory, processor and GPU: the resources that a model has here."""

from pathlib import Path

from labkit.formatting import GIB
from labkit.models.catalogue import DEFAULT, find
from labkit.models.memory_plan import plan

from . import FAILING, FINE, WARNING, Check

DRIVER = (
    "Install or update NVIDIA's driver and restart, until nvidia-smi lists the GPU; a container "
    "must be started with its GPUs (--gpus all). Until then the lab runs on the CPU."
)


# A kernel that has answered once, without its weights and what it shares with other kernels: a
# tenth of what ten took together on Linux (.github/BENCHMARKS.md, Ten notebooks on one machine).
KERNEL_BYTES = 310 << 20


def memory(machine):
    """Total and free memory, compared with what the default model takes on a CPU."""
    entry = find(DEFAULT)
    need = plan(entry.stored_parameters, entry.text_config, machine, device="cpu").needs
    total, free = machine.memory_bytes, machine.available_bytes
    detail = (
        f"{total / GIB:.1f} GiB, {free / GIB:.1f} GiB of it free; "
        f"{DEFAULT} takes {need.memory_bytes / GIB:.1f} GiB on the CPU ({need.dtype})"
    )
    if total < need.memory_bytes:
        hint = "Use a machine with more memory; in a container, raise its limit."
        yield Check("Memory", FAILING, detail, hint)
    elif free < need.memory_bytes:
        hint = "Close other programs, and shut down notebooks that have a model loaded."
        yield Check("Memory", WARNING, detail, hint)
    else:
        yield Check("Memory", FINE, detail)


def ten_notebooks(machine):
    """What ten kernels with the default model take together, and what makes it less."""
    entry = find(DEFAULT)
    needs = plan(entry.stored_parameters, entry.text_config, machine, device="cpu").needs
    # Plain layers compute from the file, which is in memory once; packed ones from a copy each.
    plain = needs.weights_bytes + 10 * KERNEL_BYTES
    packed = plain + 10 * needs.weights_bytes
    yield Check(
        "Ten notebooks",
        FINE,
        f"with {DEFAULT} take about {plain / GIB:.1f} GiB together with plain layers, which share "
        f"the weights, and {packed / GIB:.1f} GiB with packed ones: lab.load(…, packed=False)",
    )


def processor(machine):
    """Its name, its cores, and the features that make models fast or slow."""
    cores = f"{machine.cores} core" + ("" if machine.cores == 1 else "s")
    features = ", ".join(machine.features) or "the system does not report its features"
    detail = f"{machine.cpu}, {cores} ({machine.system}); {features}"
    # Only Linux reports the features; elsewhere they are unknown, not missing.
    if machine.system == "Linux x86_64" and "avx2" not in machine.features:
        detail = f"{machine.cpu}, {cores}, without AVX2"
        hint = (
            "Models will run slowly, and llama.cpp's packages may not run at all. In a virtual "
            "machine, let it see the host's processor."
        )
        yield Check("CPU", WARNING, detail, hint)
    else:
        yield Check("CPU", FINE, detail)


def speed(machine):
    """What was measured to run models fastest on this processor."""
    from labkit.models.cpu.record import remembered

    found = [tuning for key, tuning in remembered().items() if key.startswith(machine.cpu)]
    if not found:
        detail = "not measured yet: the first load of a model tries, in 3 s, what is fastest here"
        yield Check("CPU speed", FINE, detail)
    for tuning in found:
        yield Check("CPU speed", FINE, str(tuning))


def gpu(machine, pci=Path("/sys/bus/pci/devices")):
    """Each GPU, its driver, and whether the installed torch can use it."""
    if machine.gpus:
        named = ", ".join(
            f"{g.name} with {g.memory_bytes / GIB:.1f} GiB ({g.free_bytes / GIB:.1f} GiB free)"
            for g in machine.gpus
        )
        yield _usable(f"{named}, driver {machine.gpus[0].driver or 'unknown'}", *_torch())
    elif machine.apple_gpu:
        yield Check("GPU", FINE, "Apple's, which shares the memory; models run on it by MPS")
    elif _has_nvidia(pci):
        yield Check("GPU", WARNING, "an NVIDIA GPU is here, but its driver does not answer", DRIVER)
    else:
        yield Check("GPU", FINE, "none: the lab runs on the CPU")


def _torch():
    """Torch's version, the CUDA it was built for (None: for CPUs), whether it sees a GPU."""
    import torch  # takes seconds: only if there is a GPU

    return torch.__version__, torch.version.cuda, torch.cuda.is_available()


def _usable(gpus, version, cuda, available):
    if cuda is None:
        hint = (
            "Install a CUDA build of torch in this environment (“Get started” on pytorch.org has "
            "the command). Until then the lab runs on the CPU."
        )
        return Check("GPU", WARNING, f"{gpus}; but torch {version} here is the CPU build", hint)
    if not available:
        detail = f"{gpus}; but torch {version}, built for CUDA {cuda}, cannot use it"
        hint = "Update NVIDIA's driver; if CUDA_VISIBLE_DEVICES is set, it may hide the GPU."
        return Check("GPU", WARNING, detail, hint)
    return Check("GPU", FINE, f"{gpus}; torch {version} uses it (CUDA {cuda})")


def _has_nvidia(pci):
    """Whether Linux lists a display controller (class 03) of NVIDIA (vendor 10de)."""
    for device in pci.glob("*"):
        try:
            vendor, kind = ((device / part).read_text() for part in ("vendor", "class"))
        except OSError:
            continue
        if vendor.startswith("0x10de") and kind.startswith("0x03"):
            return True
    return False

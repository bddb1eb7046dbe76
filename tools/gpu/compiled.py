"""L4: NVRTC, which needs no driver, compiles every kernel for real architectures; ptxas says what it spills.

Usage: compiled.py SOURCES ARCHITECTURE...; SOURCES is where CuPy left those that it made itself.
"""

import re
import sys
from pathlib import Path

import cupy
import nvidia
from cupy._core.core import assemble_cupy_compiler_options
from cupy.cuda import compiler, nvrtc

from backends.cupy.kernels import list_instances, read_source

INCLUDE = [f"-I{folder}" for root in nvidia.__path__ for folder in Path(root).glob("cu13/include")]


def compiled(architecture: str) -> int:
    """How many kernels came of it. Raises RuntimeError where one does not compile, or spills."""
    source, names = read_source(), list_instances()
    program = nvrtc.createProgram(source, "kernels.cu", (), ())
    for name in names:
        nvrtc.addNameExpression(program, name)
    options = (f"--gpu-architecture=sm_{architecture}", "-std=c++17", "-default-device", "-ftz=true", "-Xptxas=-v")
    try:
        nvrtc.compileProgram(program, (*options, *INCLUDE))
    except nvrtc.NVRTCError as error:
        raise RuntimeError(f"sm_{architecture}: {error}\n{nvrtc.getProgramLog(program)}") from error
    log = nvrtc.getProgramLog(program)
    spills = [int(n) for n in re.findall(r"(\d+) bytes spill (?:stores|loads)", log)]
    if len(spills) < 2 * len(names) or any(spills):
        raise RuntimeError(f"sm_{architecture}: {len(spills)} figures of spilling, {sum(spills)} bytes\n{log}")
    assert all(nvrtc.getLoweredName(program, name) for name in names)
    return len(names)


def harvested(folder: Path, architecture: str) -> int:
    """How many of CuPy's own kernels compile. Raises NVRTCError or CompileException where one does not."""
    compiler._get_arch = lambda: architecture  # it would ask the device
    compiler._get_arch_for_options_for_nvrtc = lambda arch=None: (f"-arch=sm_{architecture}", "cubin")
    options, count = assemble_cupy_compiler_options(("-ftz=true",)), 0
    for path in sorted(folder.glob("*.cu")):
        source = path.read_text(encoding="utf-8")
        if "forward_step" not in source:  # ours is compiled above, with the names of its instances
            text = source.replace("#include <cupy/hip_workaround.cuh>\n", "")
            compiler.compile_using_nvrtc(text, options=options, arch=architecture, filename="k.cu")
            count += 1
    return count


def main(folder: Path, architectures: list[str]) -> None:
    ours = [compiled(architecture) for architecture in architectures]
    theirs = [harvested(folder, architecture) for architecture in architectures]
    assert min(theirs), f"no kernel of CuPy's own in {folder}"
    told = ", ".join(f"sm_{architecture}" for architecture in architectures)
    print(
        f"{min(ours)} of our kernels, which spill nothing, and {min(theirs)} of CuPy's ({cupy.__version__}), for {told}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

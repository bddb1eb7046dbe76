"""Writes stub libraries for everything that the cupy-rocm wheel links to and we do not implement.

Each function of a stub prints its name and fails. Usage: mkstubs.py SITE_PACKAGES DESTINATION IMPLEMENTED,...
"""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = {  # by how the names of their functions begin
    "hipblas": "libhipblas.so.3",
    "rocblas": "librocblas.so.5",
    "rocsolver": "librocsolver.so.0",
    "hipsparse": "libhipsparse.so.4",
    "hiprand": "libhiprand.so.1",
    "hipfft": "libhipfft.so.0",
    "nccl": "librccl.so.1",
    "roctx": "libroctx64.so.4",
    "roctracer": "libroctracer64.so.4",
}


def library(function: str) -> str:
    return next((so for start, so in LIBRARIES.items() if function.startswith(start)), "libamdhip64.so.7")


def printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def wanted(site: Path) -> Iterator[tuple[str, str]]:
    """Libraries and their functions; a library may be linked without any."""
    for extension in sorted(site.glob("cupy*/**/*.so")):
        for so in re.findall(
            r"NEEDED.*\[(lib(?:amdhip64|hip|roc|rccl)[^\]]*)\]", printed("readelf", "-d", str(extension))
        ):
            yield so, ""
        for symbol in re.findall(r" U (\S+)", printed("nm", "-D", "--undefined-only", str(extension))):
            name = symbol.split("@")[0]
            if re.match(r"(__)?(hip|roc|nccl)", name):
                yield library(name), name


def main() -> None:
    site, destination, implemented = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(",")
    functions: dict[str, set[str]] = defaultdict(set)
    for so, name in wanted(site):
        functions[so] |= {name} - {""}
    for so in functions.keys() - set(implemented):
        source = "#include <stdio.h>\n" + "".join(
            f'int {name}() {{ fprintf(stderr, "[stub] {name}\\n"); return 1; }}\n' for name in sorted(functions[so])
        )
        command = ["gcc", "-w", "-shared", "-fPIC", f"-Wl,-soname,{so}", "-o", str(destination / so), "-x", "c", "-"]
        subprocess.run(command, input=source, text=True, check=True)


if __name__ == "__main__":
    main()

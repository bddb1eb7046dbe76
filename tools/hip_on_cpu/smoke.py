"""What hip_on_cpu promises, asked of it: DEST/python tools/hip_on_cpu/smoke.py."""

import os
import subprocess
import sys

import cupy
import numpy as np

TURNED = r"""
template <typename A> __device__ void turn(A* a, A* tile) {
    int k = threadIdx.x;
    tile[k] = a[blockIdx.x * blockDim.x + k];
    BARRIER
    a[blockIdx.x * blockDim.x + k] = tile[blockDim.x - 1 - k];
}
extern "C" __global__ void turned(float* a) { __shared__ float tile[64]; turn<float>(a, tile); }
"""
LAST = 'extern "C" __global__ void last(int* who) { who[0] = blockIdx.x * blockDim.x + threadIdx.x; }'
LEFT = 'extern "C" __global__ void left() { if (threadIdx.x) return; __syncthreads(); }'


def turned(barrier: str) -> np.ndarray:
    """0 … 255 in blocks of 64, each turned around by way of shared memory."""
    a = cupy.arange(256, dtype=np.float32)
    cupy.RawKernel(TURNED.replace("BARRIER", barrier), "turned")((4,), (64,), (a,))
    return cupy.asnumpy(a).reshape(4, 64)


def last() -> int:
    """Which of 256 threads writes last."""
    who = cupy.zeros(1, np.int32)
    cupy.RawKernel(LAST, "last")((4,), (64,), (who,))
    return int(who[0])


def asked(question: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    command = [sys.executable, __file__, question]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def main() -> None:
    a = np.linspace(-2, 2, 60, dtype=np.float32).reshape(6, 10)
    of = cupy.asarray(a)
    np.testing.assert_allclose(cupy.asnumpy(cupy.tanh(of).sum(axis=0)), np.tanh(a).sum(axis=0), rtol=1e-5)
    for dtype in ("float16", "float32", "float64"):
        np.testing.assert_allclose(
            cupy.asnumpy(of.astype(dtype) @ of.astype(dtype).T), a.astype(dtype) @ a.astype(dtype).T, rtol=1e-2
        )
    twice = cupy.ElementwiseKernel("float32 x", "float32 y", "y = 2 * x", "twice")
    np.testing.assert_array_equal(cupy.asnumpy(twice(of)), 2 * a)

    right = np.arange(256, dtype=np.float32).reshape(4, 64)[:, ::-1]
    np.testing.assert_array_equal(turned("__syncthreads();"), right)
    assert not np.array_equal(turned(""), right), "a kernel without its barrier gave the right answer"
    cupy.cuda.set_allocator(None)  # what its pool hands out again is as it was left
    assert np.isnan(cupy.asnumpy(cupy.empty(8, np.float32))).all(), "what nobody wrote does not show"
    order = {asked("last", HIPEMU_SEED=str(seed)).stdout for seed in range(4)}
    assert len(order) > 1, f"four seeds, and the last thread was always {order}"
    assert asked("left").returncode == 0, asked("left").stderr
    assert asked("left", HIPEMU_STRICT="1").returncode != 0, "a thread left before a barrier, and it was not an error"
    print("products, ufuncs, barriers, poison, four orders of threads, strictness: as promised")


if __name__ == "__main__":
    if sys.argv[1:] == ["last"]:
        print(last())
    elif sys.argv[1:] == ["left"]:
        cupy.RawKernel(LEFT, "left")((1,), (64,), ())
        cupy.cuda.runtime.deviceSynchronize()
    else:
        main()

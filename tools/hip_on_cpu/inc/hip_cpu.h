// Device-side prelude: makes HIP/CUDA C++ kernel source compile as plain C++ for the host.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>
#include <assert.h>
#include <limits>
#include <type_traits>
#include <cmath>
struct hipemu_u3 {
    unsigned x, y, z;
};
typedef hipemu_u3 dim3;
typedef hipemu_u3 uint3;
extern "C" {
extern hipemu_u3 hipemu_tid, hipemu_bid, hipemu_bdim, hipemu_gdim;
extern char* hipemu_dyn;
void hipemu_barrier(void);
void hipemu_warp(void);
void hipemu_put(const void*, size_t);
const void* hipemu_get(int lane);
int hipemu_lane(void);
unsigned long long hipemu_ballot(int);
}
#define threadIdx hipemu_tid
#define blockIdx hipemu_bid
#define blockDim hipemu_bdim
#define gridDim hipemu_gdim
#define warpSize 32
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static
#define __launch_bounds__(...)
#ifndef __forceinline__
#define __forceinline__ inline
#endif
#define __noinline__
static inline void __syncthreads() { hipemu_barrier(); }
static inline void __syncwarp(unsigned long long = 0) { hipemu_warp(); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __threadfence_system() {}
template <class T>
static inline T hipemu_shfl(T v, int src, bool ok) {
    hipemu_put(&v, sizeof v);
    hipemu_warp();
    T r = v;
    if (ok) {
        const void* p = hipemu_get(src);
        if (p) memcpy((void*)&r, p, sizeof r);
    }
    hipemu_warp();
    return r;
}
template <class T>
static inline T __shfl_down(T v, unsigned d, int w = 32) {
    int l = hipemu_lane();
    return hipemu_shfl(v, l + (int)d, (l % w) + (int)d < w);
}
template <class T>
static inline T __shfl_up(T v, unsigned d, int w = 32) {
    int l = hipemu_lane();
    return hipemu_shfl(v, l - (int)d, (l % w) - (int)d >= 0);
}
template <class T>
static inline T __shfl_xor(T v, int m, int w = 32) {
    int l = hipemu_lane();
    return hipemu_shfl(v, l ^ m, true);
}
template <class T>
static inline T __shfl(T v, int s, int w = 32) {
    int l = hipemu_lane();
    return hipemu_shfl(v, (l / w) * w + (s % w), true);
}
template <class M, class T>
static inline T __shfl_down_sync(M, T v, unsigned d, int w = 32) {
    return __shfl_down(v, d, w);
}
template <class M, class T>
static inline T __shfl_up_sync(M, T v, unsigned d, int w = 32) {
    return __shfl_up(v, d, w);
}
template <class M, class T>
static inline T __shfl_xor_sync(M, T v, int m, int w = 32) {
    return __shfl_xor(v, m, w);
}
template <class M, class T>
static inline T __shfl_sync(M, T v, int s, int w = 32) {
    return __shfl(v, s, w);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
#define HIPEMU_BITS(N, A, B)      \
    static inline B N(A a) {      \
        B b;                      \
        memcpy(&b, &a, sizeof b); \
        return b;                 \
    }
HIPEMU_BITS(__float_as_int, float, int)
HIPEMU_BITS(__int_as_float, int, float) HIPEMU_BITS(__float_as_uint, float, unsigned)
    HIPEMU_BITS(__uint_as_float, unsigned, float) HIPEMU_BITS(__double_as_longlong, double, long long)
        HIPEMU_BITS(__longlong_as_double, long long, double) static inline double __hiloint2double(int hi, int lo) {
    unsigned long long u = ((unsigned long long)(unsigned)hi << 32) | (unsigned)lo;
    double d;
    memcpy(&d, &u, 8);
    return d;
}
static inline int __double2hiint(double d) {
    unsigned long long u;
    memcpy(&u, &d, 8);
    return u >> 32;
}
static inline int __double2loint(double d) {
    unsigned long long u;
    memcpy(&u, &d, 8);
    return (int)u;
}
template <class T>
static inline T __ldg(const T* p) {
    return *p;
}
static inline float __expf(float x) { return expf(x); }
static inline float __logf(float x) { return logf(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
static inline double rsqrt(double x) { return 1. / sqrt(x); }
static inline float rsqrt(float x) { return 1.f / sqrtf(x); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
template <class T>
static inline T atomicAdd(T* p, T v) {
    T o = *p;
    *p = o + v;
    return o;
}
template <class T>
static inline T atomicMax(T* p, T v) {
    T o = *p;
    if (v > o) *p = v;
    return o;
}
template <class T>
static inline T atomicMin(T* p, T v) {
    T o = *p;
    if (v < o) *p = v;
    return o;
}
template <class T>
static inline T atomicCAS(T* p, T c, T v) {
    T o = *p;
    if (o == c) *p = v;
    return o;
}
template <class T>
static inline T atomicExch(T* p, T v) {
    T o = *p;
    *p = v;
    return o;
}
// CUDA gives unqualified overloads for float and integers
using std::abs;
using std::acos;
using std::acosh;
using std::asin;
using std::asinh;
using std::atan;
using std::atan2;
using std::atanh;
using std::cbrt;
using std::ceil;
using std::copysign;
using std::cos;
using std::cosh;
using std::erf;
using std::exp;
using std::exp2;
using std::expm1;
using std::fabs;
using std::floor;
using std::fma;
using std::fmod;
using std::frexp;
using std::hypot;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::ldexp;
using std::lgamma;
using std::log;
using std::log10;
using std::log1p;
using std::log2;
using std::modf;
using std::nextafter;
using std::pow;
using std::rint;
using std::signbit;
using std::sin;
using std::sinh;
using std::sqrt;
using std::tan;
using std::tanh;
using std::tgamma;
using std::trunc;
template <class A, class B>
static inline typename std::common_type<A, B>::type min(A a, B b) {
    typedef typename std::common_type<A, B>::type T;
    return (T)b < (T)a ? (T)b : (T)a;
}
template <class A, class B>
static inline typename std::common_type<A, B>::type max(A a, B b) {
    typedef typename std::common_type<A, B>::type T;
    return (T)a < (T)b ? (T)b : (T)a;
}
// ---- half
struct __half_raw {
    unsigned short x;
};
static inline float hipemu_h2f(unsigned short u) {
    uint32_t s = (uint32_t)(u & 0x8000u) << 16, e = (u >> 10) & 31, m = u & 1023, r;
    float f;
    if (e == 31)
        r = s | 0x7f800000u | (m << 13);
    else if (e)
        r = s | ((e + 112) << 23) | (m << 13);
    else {
        f = ldexpf((float)m, -24);
        return s ? -f : f;
    }
    memcpy(&f, &r, 4);
    return f;
}
static inline unsigned short hipemu_f2h(float f) {
    uint32_t x;
    memcpy(&x, &f, 4);
    uint32_t s = (x >> 16) & 0x8000u;
    x &= 0x7fffffffu;
    if (x >= 0x7f800000u) return s | 0x7c00u | ((x > 0x7f800000u) ? 0x200u : 0);
    if (x >= 0x477ff000u) return s | 0x7c00u;
    if (x < 0x38800000u) {
        float a;
        memcpy(&a, &x, 4);
        return s | (unsigned short)nearbyintf(a * 16777216.f);
    }
    uint32_t r = x - 0x38000000u;
    r += 0xfffu + ((r >> 13) & 1);
    return s | (unsigned short)(r >> 13);
}
static inline unsigned short hipemu_d2h(double d) {
    float f = (float)d; /* sticky fix for double rounding */
    uint32_t x;
    memcpy(&x, &f, 4);
    if ((double)f != d && (x & 0x1fff) == 0x1000) {
        bool away = fabs((double)f) < fabs(d);
        x += away ? 1 : -1;
        memcpy(&f, &x, 4);
    }
    return hipemu_f2h(f);
}
struct __half {
    unsigned short u;
    __half() = default;
    __half(const __half_raw& r) : u(r.x) {}
    __half(float f) : u(hipemu_f2h(f)) {}
    __half(double f) : u(hipemu_d2h(f)) {}
    template <class I, class = typename std::enable_if<std::is_integral<I>::value>::type>
    __half(I i) : u(hipemu_d2h((double)i)) {}
    operator float() const { return hipemu_h2f(u); }
    operator __half_raw() const {
        __half_raw r = {u};
        return r;
    }
};
typedef __half half;
static inline float __half2float(__half h) { return h; }
static inline __half __float2half(float f) { return __half(f); }
static inline __half __float2half_rn(float f) { return __half(f); }
static inline __half __double2half(double f) { return __half(f); }
static inline bool __hisnan(__half h) { return (h.u & 0x7fff) > 0x7c00; }
static inline int __hisinf(__half h) { return (h.u & 0x7fff) == 0x7c00 ? (h.u & 0x8000 ? -1 : 1) : 0; }
static inline __half __hfma(__half a, __half b, __half c) { return __half((double)(float)a * (float)b + (float)c); }
static inline unsigned short __half_as_ushort(__half h) { return h.u; }
static inline __half __ushort_as_half(unsigned short u) {
    __half h;
    h.u = u;
    return h;
}
// ---- launcher
template <class... P>
struct hipemu_pack {};
template <int...>
struct hipemu_seq {};
template <int N, int... S>
struct hipemu_mk : hipemu_mk<N - 1, N - 1, S...> {};
template <int... S>
struct hipemu_mk<0, S...> {
    typedef hipemu_seq<S...> t;
};
template <class T>
struct hipemu_bare {
    typedef typename std::remove_cv<typename std::remove_reference<T>::type>::type t;
};
template <class... P, int... I>
static inline void hipemu_call2(void (*f)(P...), void** a, hipemu_seq<I...>) {
    f(*(typename hipemu_bare<P>::t*)a[I]...);
}
template <class... P>
static inline void hipemu_call(void (*f)(P...), void** a) {
    hipemu_call2(f, a, typename hipemu_mk<sizeof...(P)>::t());
}

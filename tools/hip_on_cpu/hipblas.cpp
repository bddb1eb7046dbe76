// libhipblas.so.3 stand-in: GEMM/GEMV/DOT family only, float accumulation like cuBLAS (f16 -> f32 accumulate)
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cstdint>
#include <cmath>
#include "inc/hip_cpu_half.h"
#define API extern "C" __attribute__((visibility("default")))
struct H {
    int pm;
    void* s;
};
API int hipblasCreate(H** h) {
    *h = new H{0, 0};
    return 0;
}
API int hipblasDestroy(H*) { return 0; }
API int hipblasSetStream(H* h, void* s) {
    h->s = s;
    return 0;
}
API int hipblasGetStream(H* h, void** s) {
    *s = h->s;
    return 0;
}
API int hipblasSetPointerMode(H* h, int m) {
    h->pm = m;
    return 0;
}
API int hipblasGetPointerMode(H* h, int* m) {
    *m = h->pm;
    return 0;
}
static double ld(const void* p, int t, size_t i) {
    switch (t) {
        case 0:
            return ((float*)p)[i];
        case 1:
            return ((double*)p)[i];
        case 2:
            return h2f(((uint16_t*)p)[i]);
    }
    abort();
}
static void st(void* p, int t, size_t i, double v) {
    switch (t) {
        case 0:
            ((float*)p)[i] = (float)v;
            return;
        case 1:
            ((double*)p)[i] = v;
            return;
        case 2:
            ((uint16_t*)p)[i] = f2h((float)v);
            return;
    }
    abort();
}
template <class A>
static int gemm(int oa, int ob, int m, int n, int k, A al, const void* a, int ta, int lda, const void* b, int tb,
                int ldb, A be, void* c, int tc, int ldc) {
    if (m < 0 || n < 0 || k < 0 || lda < 1 || ldb < 1 || ldc < (m > 1 ? m : 1)) return 3;
    if ((oa == 111 ? lda < m : lda < k) || (ob == 111 ? ldb < k : ldb < n))
        return 3; /* HIPBLAS_STATUS_INVALID_VALUE, as cuBLAS does */
    A *pa = (A*)malloc(sizeof(A) * ((size_t)m * k + 1)), *pb = (A*)malloc(sizeof(A) * ((size_t)n * k + 1));
    for (int i = 0; i < m; ++i)
        for (int l = 0; l < k; ++l)
            pa[(size_t)i * k + l] = (A)ld(a, ta, oa == 111 ? (size_t)l * lda + i : (size_t)i * lda + l);
    for (int j = 0; j < n; ++j)
        for (int l = 0; l < k; ++l)
            pb[(size_t)j * k + l] = (A)ld(b, tb, ob == 111 ? (size_t)j * ldb + l : (size_t)l * ldb + j);
    for (int j = 0; j < n; ++j)
        for (int i = 0; i < m; ++i) {
            const A *x_ = pa + (size_t)i * k, *y_ = pb + (size_t)j * k;
            A s8[8] = {0};
            int l = 0;
            for (; l + 8 <= k; l += 8)
                for (int q = 0; q < 8; ++q) s8[q] += x_[l + q] * y_[l + q];
            A s = ((s8[0] + s8[1]) + (s8[2] + s8[3])) + ((s8[4] + s8[5]) + (s8[6] + s8[7]));
            for (; l < k; ++l) s += x_[l] * y_[l];
            size_t x = (size_t)j * ldc + i;
            A r = al * s;
            if (be != 0) r += be * (A)ld(c, tc, x);
            st(c, tc, x, r);
        }
    free(pa);
    free(pb);
    return 0;
}
API int hipblasSgemm(H*, int oa, int ob, int m, int n, int k, const float* al, const float* a, int lda, const float* b,
                     int ldb, const float* be, float* c, int ldc) {
    return gemm<float>(oa, ob, m, n, k, *al, a, 0, lda, b, 0, ldb, *be, c, 0, ldc);
}
API int hipblasDgemm(H*, int oa, int ob, int m, int n, int k, const double* al, const double* a, int lda,
                     const double* b, int ldb, const double* be, double* c, int ldc) {
    return gemm<double>(oa, ob, m, n, k, *al, a, 1, lda, b, 1, ldb, *be, c, 1, ldc);
}
static int dt(int t) { return t == 150 ? 2 : t == 151 ? 0 : t == 152 ? 1 : t; }
API int hipblasGemmEx(H*, int oa, int ob, int m, int n, int k, const void* al, const void* a, int ta, int lda,
                      const void* b, int tb, int ldb, const void* be, void* c, int tc, int ldc, int ct, int) {
    ta = dt(ta);
    tb = dt(tb);
    tc = dt(tc);
    if (ta > 2 || tc > 2) {
        fprintf(stderr, "[hipemu] GemmEx types %d %d\n", ta, tc);
        return 7;
    }
    if (tc == 1) return gemm<double>(oa, ob, m, n, k, *(double*)al, a, ta, lda, b, tb, ldb, *(double*)be, c, tc, ldc);
    return gemm<float>(oa, ob, m, n, k, *(float*)al, a, ta, lda, b, tb, ldb, *(float*)be, c, tc, ldc);
}
static size_t sz(int t) { return t == 1 ? 8 : t == 0 ? 4 : 2; }
API int hipblasGemmStridedBatchedEx(H*, int oa, int ob, int m, int n, int k, const void* al, const void* a, int ta,
                                    int lda, long long sa, const void* b, int tb, int ldb, long long sb, const void* be,
                                    void* c, int tc, int ldc, long long sc, int nb, int ct, int al2) {
    ta = dt(ta);
    tb = dt(tb);
    tc = dt(tc);
    for (int i = 0; i < nb; ++i) {
        int r = hipblasGemmEx(0, oa, ob, m, n, k, al, (char*)a + i * sa * (long)sz(ta), ta, lda,
                              (char*)b + i * sb * (long)sz(tb), tb, ldb, be, (char*)c + i * sc * (long)sz(tc), tc, ldc,
                              ct, al2);
        if (r) return r;
    }
    return 0;
}
#define SB(N, T, t)                                                                                                   \
    API int hipblas##N##gemmStridedBatched(H*, int oa, int ob, int m, int n, int k, const T* al, const T* a, int lda, \
                                           long long sa, const T* b, int ldb, long long sb, const T* be, T* c,        \
                                           int ldc, long long sc, int nb) {                                           \
        for (int i = 0; i < nb; ++i) {                                                                                \
            int r = gemm<T>(oa, ob, m, n, k, *al, a + i * sa, t, lda, b + i * sb, t, ldb, *be, c + i * sc, t, ldc);   \
            if (r) return r;                                                                                          \
        }                                                                                                             \
        return 0;                                                                                                     \
    }                                                                                                                 \
    API int hipblas##N##gemv(H*, int o, int m, int n, const T* al, const T* a, int lda, const T* x, int ix,           \
                             const T* be, T* y, int iy) {                                                             \
        int R = o == 111 ? m : n, K = o == 111 ? n : m;                                                               \
        for (int i = 0; i < R; ++i) {                                                                                 \
            T s = 0;                                                                                                  \
            for (int k = 0; k < K; ++k)                                                                               \
                s += (o == 111 ? a[(size_t)k * lda + i] : a[(size_t)i * lda + k]) * x[(size_t)k * ix];                \
            y[(size_t)i * iy] = *al * s + (*be != 0 ? *be * y[(size_t)i * iy] : 0);                                   \
        }                                                                                                             \
        return 0;                                                                                                     \
    }                                                                                                                 \
    API int hipblas##N##dot(H*, int n, const T* x, int ix, const T* y, int iy, T* r) {                                \
        T s = 0;                                                                                                      \
        for (int i = 0; i < n; ++i) s += x[(size_t)i * ix] * y[(size_t)i * iy];                                       \
        *r = s;                                                                                                       \
        return 0;                                                                                                     \
    }                                                                                                                 \
    API int hipblas##N##ger(H*, int m, int n, const T* al, const T* x, int ix, const T* y, int iy, T* a, int lda) {   \
        for (int j = 0; j < n; ++j)                                                                                   \
            for (int i = 0; i < m; ++i) a[(size_t)j * lda + i] += *al * x[(size_t)i * ix] * y[(size_t)j * iy];        \
        return 0;                                                                                                     \
    }
SB(S, float, 0)
SB(D, double, 1) API
    int hipblasSgemmBatched(H*, int oa, int ob, int m, int n, int k, const float* al, const float* const* a, int lda,
                            const float* const* b, int ldb, const float* be, float* const* c, int ldc, int nb) {
    for (int i = 0; i < nb; ++i) {
        int r = gemm<float>(oa, ob, m, n, k, *al, a[i], 0, lda, b[i], 0, ldb, *be, c[i], 0, ldc);
        if (r) return r;
    }
    return 0;
}
API int hipblasDgemmBatched(H*, int oa, int ob, int m, int n, int k, const double* al, const double* const* a, int lda,
                            const double* const* b, int ldb, const double* be, double* const* c, int ldc, int nb) {
    for (int i = 0; i < nb; ++i) {
        int r = gemm<double>(oa, ob, m, n, k, *al, a[i], 1, lda, b[i], 1, ldb, *be, c[i], 1, ldc);
        if (r) return r;
    }
    return 0;
}

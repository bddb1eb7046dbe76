// One step of an LSTM layer forward and backward, and the way to and from 16 bits.
//
// S is how numbers are stored, A how they are computed: double for double, float for the others. Everything lies in C
// order: samples, then the gates i, f, g, o (4H), then units. `lengths` may be null; a sequence that has ended is
// selected, never multiplied, away. One thread computes one unit of one sample.

#include <cuda_fp16.h>

struct bf16 { unsigned short bits; };  // stored only

template <class S> struct computed { typedef S type; };
template <> struct computed<__half> { typedef float type; };
template <> struct computed<bf16> { typedef float type; };

template <class S> __device__ inline S widened(S v) { return v; }
__device__ inline float widened(__half v) { return __half2float(v); }
__device__ inline float widened(bf16 v) { return __uint_as_float((unsigned)v.bits << 16); }

template <class S, class A> struct Rounded { static __device__ inline S of(A v) { return v; } };
template <> struct Rounded<__half, float> { static __device__ inline __half of(float v) { return __float2half_rn(v); } };
template <> struct Rounded<bf16, float> {
    static __device__ inline bf16 of(float v) {  // to nearest, ties to even
        unsigned bits = __float_as_uint(v);
        bf16 found;
        if ((bits & 0x7fffffffu) > 0x7f800000u) found.bits = (unsigned short)((bits >> 16) | 0x40u);  // NaN stays NaN
        else found.bits = (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
        return found;
    }
};

template <class S> __global__ void widen(const S* from, typename computed<S>::type* to, long long n) {
    long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) to[k] = widened(from[k]);
}

template <class S> __global__ void narrow(const typename computed<S>::type* from, S* to, long long n) {
    long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) to[k] = Rounded<S, typename computed<S>::type>::of(from[k]);
}

enum { HAS_I = 1, HAS_F = 2, HAS_O = 4, COUPLED = 8, STRETCHED = 16, SEES = 32, PROJECTED = 64, CLIPPED = 128,
       CLIPPED_H = 256, HARD = 512 };
enum { CANDIDATE = 10, OUTPUT = 12 };  // from which bit of `what` on the function of each stands
enum { TANH = 0, RELU = 1, IDENTITY = 2 };

template <class A> __device__ inline A clip(A v, A low, A high) { return v < low ? low : v > high ? high : v; }  // NaN stays
template <class A> __device__ inline bool is_inside(A v, A bound) { return v > -bound && v < bound; }

template <class A> __device__ inline A open_gate(int what, A z, A alpha, A beta) {
    return what & HARD ? clip(alpha * z + beta, A(0), A(1)) : A(1) / (A(1) + exp(-z));
}
template <class A> __device__ inline A gate_slope(int what, A v, A alpha) {  // at the value v
    return !(what & HARD) ? v * (A(1) - v) : v > A(0) && v < A(1) ? alpha : A(0);
}
template <class A> __device__ inline A squash(int which, A z) {
    return which == TANH ? tanh(z) : which == RELU && z < A(0) ? A(0) : z;
}
template <class A> __device__ inline A squashing_slope(int which, A v) {  // at the value v
    return which == TANH ? A(1) - v * v : which == RELU && !(v > A(0)) ? A(0) : A(1);
}

// CELL-1 to CELL-6 with VAR-1 to VAR-13. In: `gates` are W x + b, `received` is U h; out: i, f, g and o in their place,
// the cell state after the step and its tanh, and o * tanh in `shown`. Unless it is projected that is h, too: `h_after`
// keeps h where the sequence has ended, and `y` is 0 there.
template <class A>
__global__ void forward_step(A* gates, const A* received, const A* p, const A* c_before, const A* h_before, A* c_after,
                             A* squashed, A* shown, A* h_after, A* y, const int* lengths, int t, A bound, A alpha, A beta,
                             int what, int B, int H) {
    int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= B * H) return;
    int b = k / H, j = k % H;
    bool ended = lengths && t >= lengths[b];
    A* z = gates + (long long)b * 4 * H + j;
    const A* u = received + (long long)b * 4 * H + j;
    A c = c_before[k], stretch = what & STRETCHED ? A(2) : A(1);
    A zi = z[0] + u[0], zf = z[H] + u[H], zg = z[2 * H] + u[2 * H], zo = z[3 * H] + u[3 * H];
    if (what & SEES) { zi += p[j] * c; zf += p[H + j] * c; }
    A i = what & HAS_I ? open_gate(what, zi, alpha, beta) : A(1);
    A g = stretch * squash(what >> CANDIDATE & 3, zg / stretch);
    A f = what & HAS_F ? open_gate(what, zf, alpha, beta) : what & COUPLED ? A(1) - i : A(1);
    A after = f * c + i * g;
    if (what & CLIPPED) after = clip(after, -bound, bound);
    if (what & SEES) zo += p[2 * H + j] * after;
    A o = what & HAS_O ? open_gate(what, zo, alpha, beta) : A(1);
    A s = squash(what >> OUTPUT & 3, after / stretch), m = o * s;
    z[0] = i; z[H] = f; z[2 * H] = g; z[3 * H] = o;
    squashed[k] = s;
    c_after[k] = ended ? c : after;
    shown[k] = m;
    if (!(what & PROJECTED)) {
        h_after[k] = ended ? h_before[k] : m;
        y[k] = ended ? A(0) : m;
    }
}

// After the projection h = R m: `h_after` is what it gave, bounded, or h_before where the sequence has ended.
template <class A>
__global__ void keep_ended(A* h_after, const A* h_before, A* y, const int* lengths, int t, A bound, int what, int B,
                           int P) {
    int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= B * P) return;
    bool ended = lengths && t >= lengths[k / P];
    A h = what & CLIPPED_H ? clip(h_after[k], -bound, bound) : h_after[k];
    y[k] = ended ? A(0) : h;
    h_after[k] = ended ? h_before[k] : h;
}

// What reaches h: the loss on y, and what later steps, or the loss on the state where the sequence ends, send back.
template <class A>
__device__ inline A reaching_h(const A* dy, const A* back, const A* d_last, const int* lengths, int t, int T, int b, int k) {
    int last = (lengths ? lengths[b] : T) - 1;
    return t > last ? A(0) : dy[k] + (t == last ? d_last[k] : back[k]);
}

template <class A>
__global__ void into_projection(const A* dy, const A* back, const A* d_last, const A* h_after, A* dr, const int* lengths,
                                int t, int T, A bound, int what, int B, int P) {
    int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= B * P) return;
    bool is_cut = (what & CLIPPED_H) && !is_inside(h_after[k], bound);
    dr[k] = is_cut ? A(0) : reaching_h(dy, back, d_last, lengths, t, T, k / P, k);
}

// GRAD-1 to GRAD-3 of one step: the gates become their gradients, dc that of the cell state before the step.
// `dm` is what reaches o * tanh(c) where there is a projection; without, it is made of dy, back and d_last.
template <class A>
__global__ void backward_step(A* gates, const A* squashed, const A* c_before, const A* c_after, const A* p,
                              const A* dy, const A* back, const A* d_last, const A* dm, A* dc, const int* lengths,
                              int t, int T, A bound, A alpha, int what, int B, int H) {
    int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= B * H) return;
    int b = k / H, j = k % H;
    A* z = gates + (long long)b * 4 * H + j;
    if (lengths && t >= lengths[b]) {
        z[0] = z[H] = z[2 * H] = z[3 * H] = A(0);
        return;
    }
    A d = what & PROJECTED ? dm[k] : reaching_h(dy, back, d_last, lengths, t, T, b, k);
    A i = z[0], f = z[H], g = z[2 * H], o = z[3 * H], s = squashed[k], c = c_before[k];
    A stretch = what & STRETCHED ? A(2) : A(1), v = g / stretch;
    A dzo = d * s * gate_slope(what, o, alpha);
    A into_c = dc[k] + d * o * squashing_slope(what >> OUTPUT & 3, s) / stretch;
    if (what & SEES) into_c += dzo * p[2 * H + j];
    if ((what & CLIPPED) && !is_inside(c_after[k], bound)) into_c = A(0);
    A dzi = into_c * (what & COUPLED ? g - c : g) * gate_slope(what, i, alpha);
    A dzf = what & HAS_F ? into_c * c * gate_slope(what, f, alpha) : A(0);
    A dzg = into_c * i * squashing_slope(what >> CANDIDATE & 3, v);
    A before = into_c * f;
    if (what & SEES) before += dzi * p[j] + dzf * p[H + j];
    z[0] = dzi; z[H] = dzf; z[2 * H] = dzg; z[3 * H] = dzo;
    dc[k] = before;
}

// GRAD-4: the gradients of b (4H), and of the peepholes (3, H), i, f and o: sums over all rows (T B) of the gate
// gradients dz (T B, 4H), for p times the cell state (T + 1, B, H) that the gate saw. Blocks of 32 columns by 8 rows.
template <class A>
__global__ void column_sums(const A* dz, const A* c, A* db, A* dp, int rows, int what, int B, int H) {
    __shared__ A of_b[8][32];
    __shared__ A of_p[8][32];
    int column = blockIdx.x * 32 + threadIdx.x, gate = column / H, j = column % H;
    bool sees = (what & SEES) && gate != 2;
    A sum = 0, seen = 0;
    if (column < 4 * H)
        for (int r = threadIdx.y; r < rows; r += 8) {
            A d = dz[(long long)r * 4 * H + column];
            sum += d;
            if (sees) seen += d * c[((long long)r + (gate == 3 ? B : 0)) * H + j];
        }
    of_b[threadIdx.y][threadIdx.x] = sum;
    of_p[threadIdx.y][threadIdx.x] = seen;
    __syncthreads();
    if (threadIdx.y != 0 || column >= 4 * H) return;
    for (int y = 1; y < 8; ++y) { sum += of_b[y][threadIdx.x]; seen += of_p[y][threadIdx.x]; }
    db[column] = sum;
    if (sees) dp[(gate == 3 ? 2 : gate) * H + j] = seen;
}

/* One layer of the LSTM in one direction, one sample after another, sums from left to right. REAL is float or double.

   Gates are stacked in the order i, f, g, o. The trace of a step is i, f, g, o, c and h. */
#include <math.h>
#include <stdint.h>

#define F(name) (sizeof(REAL) == 4 ? (REAL)name##f((float)z) : (REAL)name((double)z))

static REAL exponential(REAL z) { return F(exp); }
static REAL tangent(REAL z) { return F(tanh); }

static REAL sigmoid(REAL z)
{
    if (z >= 0)
        return 1 / (1 + exponential(-z));
    REAL e = exponential(z);
    return e / (1 + e);
}

void read_steps(int64_t B, int64_t I, int64_t H, const int64_t *lengths, const REAL *W, const REAL *U, const REAL *b,
                const REAL *x, const REAL *h0, const REAL *c0, REAL *y, REAL *h_last, REAL *c_last, REAL *trace)
{
    for (int64_t n = 0; n < B; n++) {
        const REAL *h = h0 + n * H, *c = c0 + n * H;
        for (int64_t t = 0; t < lengths[n]; t++) {
            const REAL *x_t = x + (t * B + n) * I;
            REAL *z = trace + (t * B + n) * 6 * H, *c_new = z + 4 * H, *h_new = z + 5 * H;
            for (int64_t r = 0; r < 4 * H; r++) {
                REAL sum = b[r];
                for (int64_t k = 0; k < I; k++)
                    sum += W[r * I + k] * x_t[k];
                for (int64_t k = 0; k < H; k++)
                    sum += U[r * H + k] * h[k];
                z[r] = r / H == 2 ? tangent(sum) : sigmoid(sum);
            }
            for (int64_t j = 0; j < H; j++) {
                c_new[j] = z[H + j] * c[j] + z[j] * z[2 * H + j];
                h_new[j] = z[3 * H + j] * tangent(c_new[j]);
                y[(t * B + n) * H + j] = h_new[j];
            }
            h = h_new, c = c_new;
        }
        for (int64_t j = 0; j < H; j++)
            h_last[n * H + j] = h[j], c_last[n * H + j] = c[j];
    }
}

/* dh and dc hold the cotangents of the final state, and then those of the initial one; dx, dW, dU and db start at 0. */
void differentiate_steps(int64_t B, int64_t I, int64_t H, const int64_t *lengths, const REAL *W, const REAL *U,
                         const REAL *x, const REAL *h0, const REAL *c0, const REAL *trace, const REAL *dy, REAL *dz,
                         REAL *dh, REAL *dc, REAL *dx, REAL *dW, REAL *dU, REAL *db)
{
    for (int64_t n = 0; n < B; n++, dh += H, dc += H)
        for (int64_t t = lengths[n] - 1; t >= 0; t--) {
            const REAL *i = trace + (t * B + n) * 6 * H, *f = i + H, *g = f + H, *o = g + H, *c = o + H;
            const REAL *before = i - B * 6 * H, *x_t = x + (t * B + n) * I;
            const REAL *c_before = t ? before + 4 * H : c0 + n * H, *h_before = t ? before + 5 * H : h0 + n * H;
            for (int64_t j = 0; j < H; j++) {
                REAL s = tangent(c[j]), d = dh[j] + dy[(t * B + n) * H + j];
                REAL e = dc[j] + d * o[j] * (1 - s * s);
                dz[j] = e * g[j] * (i[j] * (1 - i[j]));
                dz[H + j] = e * c_before[j] * (f[j] * (1 - f[j]));
                dz[2 * H + j] = e * i[j] * (1 - g[j] * g[j]);
                dz[3 * H + j] = d * s * (o[j] * (1 - o[j]));
                dc[j] = e * f[j];
                dh[j] = 0;
            }
            for (int64_t r = 0; r < 4 * H; r++) {
                db[r] += dz[r];
                for (int64_t k = 0; k < I; k++) {
                    dW[r * I + k] += dz[r] * x_t[k];
                    dx[(t * B + n) * I + k] += dz[r] * W[r * I + k];
                }
                for (int64_t k = 0; k < H; k++) {
                    dU[r * H + k] += dz[r] * h_before[k];
                    dh[k] += dz[r] * U[r * H + k];
                }
            }
        }
}

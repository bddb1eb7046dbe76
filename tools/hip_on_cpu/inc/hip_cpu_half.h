#pragma once
static inline float h2f(uint16_t u) {
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
static inline uint16_t f2h(float f) {
    uint32_t x;
    memcpy(&x, &f, 4);
    uint32_t s = (x >> 16) & 0x8000u;
    x &= 0x7fffffffu;
    if (x >= 0x7f800000u) return s | 0x7c00u | ((x > 0x7f800000u) ? 0x200u : 0);
    if (x >= 0x477ff000u) return s | 0x7c00u;
    if (x < 0x38800000u) {
        float a;
        memcpy(&a, &x, 4);
        return s | (uint16_t)nearbyintf(a * 16777216.f);
    }
    uint32_t r = x - 0x38000000u;
    r += 0xfffu + ((r >> 13) & 1);
    return s | (uint16_t)(r >> 13);
}

// libamdhip64.so.7 stand-in: device memory = tracked host memory; kernels = host code. Public HIP API only.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cstdint>
#include <string>
#include <vector>
#include <map>
#include <mutex>
#include <numeric>
#include <random>
#include <algorithm>
#include <dlfcn.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <chrono>
#define API extern "C" __attribute__((visibility("default")))
struct U3 {
    unsigned x, y, z;
};
API U3 hipemu_tid, hipemu_bid, hipemu_bdim, hipemu_gdim;
U3 hipemu_tid, hipemu_bid, hipemu_bdim, hipemu_gdim;
API char* hipemu_dyn;
char* hipemu_dyn;
static std::recursive_mutex M;
static std::map<uintptr_t, size_t> mem;
static size_t inuse;
static int last;
static thread_local int dummy;
static const bool TRACE = getenv("HIPEMU_TRACE");
static unsigned SEED = getenv("HIPEMU_SEED") ? atoi(getenv("HIPEMU_SEED")) : 0;
static long launches;
static const bool STRICT = getenv("HIPEMU_STRICT");
API long hipemu_launches() { return launches; }
static int E(int e) {
    if (e) last = e;
    return e;
}
API const char* hipGetErrorName(int e) {
    switch (e) {
        case 0:
            return "hipSuccess";
        case 1:
            return "hipErrorInvalidValue";
        case 2:
            return "hipErrorOutOfMemory";
        case 100:
            return "hipErrorNoDevice";
        case 209:
            return "hipErrorNoBinaryForGpu";
        case 500:
            return "hipErrorNotFound";
        case 700:
            return "hipErrorIllegalAddress";
        case 719:
            return "hipErrorLaunchFailure";
        case 801:
            return "hipErrorNotSupported";
    }
    return "hipErrorUnknown";
}
API const char* hipGetErrorString(int e) { return hipGetErrorName(e); }
API int hipGetLastError() {
    int e = last;
    last = 0;
    return e;
}
API int hipPeekAtLastError() { return last; }
API int hipDriverGetVersion(int* v) {
    *v = 70051831;
    return 0;
}
API int hipRuntimeGetVersion(int* v) {
    *v = 70051831;
    return 0;
}
API int hipGetDeviceCount(int* n) {
    *n = 1;
    return 0;
}
API int hipGetDevice(int* d) {
    *d = 0;
    return 0;
}
API int hipSetDevice(int d) { return d ? E(101) : 0; }
API int hipDeviceSynchronize() { return 0; }
#include "attr.h"
API int hipDeviceGetAttribute(int* v, int a, int) {
    *v = hipemu_attr(a);
    return 0;
}
API int hipGetDevicePropertiesR0600(void* p, int) {
    memset(p, 0, 1472);
    char* q = (char*)p;
    strcpy(q, "hipemu CPU device");
    *(size_t*)(q + 288) = (size_t)8 << 30;
    *(size_t*)(q + 296) = 49152;
    *(int*)(q + 304) = 65536;
    *(int*)(q + 308) = 32;
    *(int*)(q + 320) = 1024;
    int* d = (int*)(q + 324);
    d[0] = d[1] = 1024;
    d[2] = 64;
    d[3] = 2147483647;
    d[4] = d[5] = 65535;
    *(int*)(q + 360) = 9;
    *(int*)(q + 364) = 0;
    return 0;
}
API int hipDeviceGetPCIBusId(char* s, int n, int) {
    snprintf(s, n, "0000:00:00.0");
    return 0;
}
API int hipDeviceCanAccessPeer(int* r, int, int) {
    *r = 0;
    return 0;
}
API int hipDeviceGetLimit(size_t* v, int) {
    *v = 8 << 20;
    return 0;
}
API int hipMalloc(void** p, size_t n) {
    std::lock_guard<std::recursive_mutex> g(M);
    if (n > (size_t)8 << 30) return E(2);
    size_t m = n ? n : 1;
    void* q = 0;
    if (posix_memalign(&q, 512, m)) return E(2);
    memset(q, 0xFF, m);  // uninitialised device memory is NaN, in every format
    mem[(uintptr_t)q] = m;
    inuse += m;
    *p = q;
    return 0;
}
API int hipFree(void* p) {
    std::lock_guard<std::recursive_mutex> g(M);
    if (!p) return 0;
    auto i = mem.find((uintptr_t)p);
    if (i == mem.end()) return E(1);
    memset(p, 0xFF, i->second);
    inuse -= i->second;
    mem.erase(i);
    free(p);
    return 0;
}
API int hipMallocManaged(void** p, size_t n, unsigned) { return hipMalloc(p, n); }
API int hipHostMalloc(void** p, size_t n, unsigned) { return posix_memalign(p, 512, n ? n : 1) ? E(2) : 0; }
API int hipHostFree(void* p) {
    free(p);
    return 0;
}
API int hipMemGetInfo(size_t* f, size_t* t) {
    *t = (size_t)8 << 30;
    *f = *t - inuse;
    return 0;
}
static bool ok(const void* p, size_t n) {
    uintptr_t a = (uintptr_t)p;
    auto i = mem.upper_bound(a);
    if (i == mem.begin()) return false;
    --i;
    return a >= i->first && a + n <= i->first + i->second;
}
API int hipMemcpy(void* d, const void* s, size_t n, int kind) {
    std::lock_guard<std::recursive_mutex> g(M);
    if (!n) return 0;
    if ((kind == 1 || kind == 3) && !ok(d, n)) return E(1);
    if ((kind == 2 || kind == 3) && !ok(s, n)) return E(1);
    memmove(d, s, n);
    return 0;
}
API int hipMemcpyAsync(void* d, const void* s, size_t n, int k, void*) { return hipMemcpy(d, s, n, k); }
API int hipMemset(void* d, int v, size_t n) {
    if (n && !ok(d, n)) return E(1);
    memset(d, v, n);
    return 0;
}
API int hipMemsetAsync(void* d, int v, size_t n, void*) { return hipMemset(d, v, n); }
struct PA {
    int type;
    int device;
    void *d, *h;
    int managed;
    unsigned flags;
};
API int hipPointerGetAttributes(PA* a, const void* p) {
    std::lock_guard<std::recursive_mutex> g(M);
    if (ok(p, 1)) {
        a->type = 2;
        a->device = 0;
        a->d = (void*)p;
        a->h = 0;
    } else {
        a->type = 0;
        a->device = -2;
        a->d = 0;
        a->h = 0;
    }
    a->managed = 0;
    a->flags = 0;
    return 0;
}
API int hipStreamCreate(void** s) {
    *s = malloc(16);
    return 0;
}
API int hipStreamCreateWithFlags(void** s, unsigned) { return hipStreamCreate(s); }
API int hipStreamCreateWithPriority(void** s, unsigned, int) { return hipStreamCreate(s); }
API int hipStreamDestroy(void* s) {
    free(s);
    return 0;
}
API int hipStreamSynchronize(void*) { return 0; }
API int hipStreamQuery(void*) { return 0; }
API int hipStreamWaitEvent(void*, void*, unsigned) { return 0; }
API int hipStreamIsCapturing(void*, int* c) {
    *c = 0;
    return 0;
}
API int hipStreamGetFlags(void*, unsigned* f) {
    *f = 0;
    return 0;
}
API int hipStreamGetPriority(void*, int* p) {
    *p = 0;
    return 0;
}
API int hipLaunchHostFunc(void*, void (*f)(void*), void* u) {
    f(u);
    return 0;
}
static double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
API int hipEventCreateWithFlags(void** e, unsigned) {
    *e = calloc(1, 16);
    return 0;
}
API int hipEventCreate(void** e) { return hipEventCreateWithFlags(e, 0); }
API int hipEventDestroy(void* e) {
    free(e);
    return 0;
}
API int hipEventRecord(void* e, void*) {
    *(double*)e = now();
    return 0;
}
API int hipEventSynchronize(void*) { return 0; }
API int hipEventQuery(void*) { return 0; }
API int hipEventElapsedTime(float* t, void* a, void* b) {
    *t = (float)(*(double*)b - *(double*)a);
    return 0;
}
// precompiled (thrust/cub) kernels inside the wheel: registered but not runnable
API void** __hipRegisterFatBinary(const void*) {
    static void* h[4];
    return h;
}
API void __hipRegisterFunction(void**, const void*, char*, const char*, unsigned, void*, void*, void*, void*, int*) {}
API void __hipUnregisterFatBinary(void**) {}
API void __hipRegisterVar(void**, void*, char*, char*, int, size_t, int, int) {}
API int __hipPushCallConfiguration(unsigned long, unsigned, unsigned long, unsigned, size_t, void*) { return 0; }
API int __hipPopCallConfiguration(void*, void*, size_t*, void**) { return 0; }
API int hipLaunchKernel() {
    fprintf(stderr, "[hipemu] precompiled kernel launch not supported\n");
    return E(801);
}
API int hipGetStreamDeviceId(void*) { return 0; }
#define NS(n)                                               \
    API int n() {                                           \
        fprintf(stderr, "[hipemu] %s not supported\n", #n); \
        return E(801);                                      \
    }
NS(hipCreateSurfaceObject)
NS(hipDestroySurfaceObject) NS(hipDeviceDisablePeerAccess) NS(hipDeviceEnablePeerAccess) NS(hipDeviceGetByPCIBusId)
    NS(hipGraphDebugDotPrint) NS(hipGraphDestroy) NS(hipGraphExecDestroy) NS(hipGraphInstantiate) NS(hipGraphLaunch)
        NS(hipIpcCloseMemHandle) NS(hipIpcGetMemHandle) NS(hipIpcOpenMemHandle) NS(hipMemAdvise) NS(hipMemPrefetchAsync)
            NS(hipMemcpyPeer) NS(hipMemcpyPeerAsync) NS(hipStreamAddCallback) NS(hipStreamBeginCapture)
                NS(hipStreamEndCapture) NS(hipStreamGetCaptureInfo) NS(hipStreamGetCaptureInfo_v2)
                    NS(hipOccupancyMaxActiveBlocksPerMultiprocessor) NS(hipOccupancyMaxPotentialBlockSize)
                        NS(hipModuleLoad)
#include "home.h"
    // ---- modules
    struct Fn {
    void (*call)(void**);
    bool fibers;
    std::string name;
};
struct Mod {
    void* h;
    std::map<std::string, Fn*> f;
};
API int hipModuleLoadData(Mod** m, const char* img) {
    std::lock_guard<std::recursive_mutex> g(M);
    if (memcmp(img, "HIPEMU1\n", 8)) return E(209);
    size_t n;
    memcpy(&n, img + 8, 8);
    std::string name = tmpname("hipemu_mod_XXXXXX");
    char* path = &name[0];
    int fd = mkstemp(path);
    if (write(fd, img + 16, n) != (ssize_t)n) return E(1);
    close(fd);
    void* h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unlink(path);
    if (!h) {
        fprintf(stderr, "[hipemu] %s\n", dlerror());
        return E(209);
    }
    *m = new Mod{h, {}};
    return 0;
}
API int hipModuleUnload(Mod* m) { return 0; }
API int hipModuleGetFunction(Fn** f, Mod* m, const char* name) {
    auto& r = m->f[name];
    if (!r) {
        void* p = dlsym(m->h, (std::string("hipemu_l_") + name).c_str());
        if (!p) {
            m->f.erase(name);
            return E(500);
        }
        int* b = (int*)dlsym(m->h, "hipemu_needs_fibers");
        r = new Fn{(void (*)(void**))p, b && *b, name};
    }
    *f = r;
    return 0;
}
API int hipModuleGetGlobal(void** p, size_t* n, Mod* m, const char* name) {
    *p = dlsym(m->h, name);
    *n = 0;
    return *p ? 0 : E(500);
}
API int hipFuncGetAttribute(int* v, int a, Fn*) {
    *v = (a == 0) ? 1024 : 0;
    return 0;
}
// ---- fibers
extern "C" void hipemu_swap(void** save, void* to);
asm(".text\n.globl hipemu_swap\n.hidden hipemu_swap\nhipemu_swap:\n push %rbp\n push %rbx\n push %r12\n push %r13\n "
    "push %r14\n push %r15\n mov %rsp,(%rdi)\n mov %rsi,%rsp\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n "
    "pop %rbp\n ret\n");
struct Fb {
    void* sp;
    char* stk;
    U3 tid;
    int st;
    int lane;
    int warp;
    char x[32];
};
static std::vector<Fb> fb;
static Fb* cur;
static void* mainsp;
static Fn* curfn;
static void** curargs;
static const size_t STK = 128 << 10;
static void fmain() {
    curfn->call(curargs);
    cur->st = 3;
    hipemu_swap(&cur->sp, mainsp);
    abort();
}
static void park(int st) {
    Fb* me = cur;
    me->st = st;
    hipemu_swap(&me->sp, mainsp);
    hipemu_tid = me->tid;
}
API void hipemu_barrier() {
    if (cur) park(1);
}
API void hipemu_warp() {
    if (cur) park(2);
}
API void hipemu_put(const void* p, size_t n) { memcpy(cur->x, p, n < 32 ? n : 32); }
API int hipemu_lane() { return cur->lane; }
API const void* hipemu_get(int lane) {
    if (lane < 0 || lane > 31) return 0;
    size_t i = (size_t)cur->warp * 32 + lane;
    return i < fb.size() ? fb[i].x : 0;
}
static int run_fibers(Fn* f, U3 g, U3 b, std::mt19937& rng) {
    size_t n = (size_t)b.x * b.y * b.z;
    static std::vector<char*> pool;
    while (pool.size() < n)
        pool.push_back((char*)mmap(0, STK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    fb.assign(n, Fb());
    std::vector<int> ord(n);
    std::vector<size_t> blk((size_t)g.x * g.y * g.z);
    for (size_t i = 0; i < blk.size(); ++i) blk[i] = i;
    if (SEED) std::shuffle(blk.begin(), blk.end(), rng);
    for (size_t bi : blk) {
        hipemu_bid = {unsigned(bi % g.x), unsigned(bi / g.x % g.y), unsigned(bi / g.x / g.y)};
        for (size_t i = 0; i < n; ++i) {
            ord[i] = i;
            Fb& x = fb[i];
            x.stk = pool[i];
            x.tid = {unsigned(i % b.x), unsigned(i / b.x % b.y), unsigned(i / b.x / b.y)};
            x.st = 0;
            x.lane = i & 31;
            x.warp = i >> 5;
            void** sp = (void**)(x.stk + STK - 64);
            *--sp = 0;
            *--sp = (void*)fmain;
            for (int k = 0; k < 6; ++k) *--sp = 0;
            x.sp = sp;
        }
        for (;;) {
            if (SEED) std::shuffle(ord.begin(), ord.end(), rng);
            bool ran = false;
            for (int i : ord)
                if (fb[i].st == 0) {
                    ran = true;
                    cur = &fb[i];
                    hipemu_tid = cur->tid;
                    hipemu_swap(&mainsp, cur->sp);
                }
            if (ran) continue;
            bool rel = false;
            for (size_t w = 0; w < n; w += 32) {
                size_t e = std::min(n, w + 32);
                bool any = false, mix = false;
                for (size_t i = w; i < e; ++i) {
                    any |= fb[i].st == 2;
                    mix |= fb[i].st == 1;
                }
                if (any && mix) {
                    fprintf(stderr, "[hipemu] %s: warp op and __syncthreads diverge\n", f->name.c_str());
                    cur = 0;
                    return 719;
                }
                if (any) {
                    rel = true;
                    for (size_t i = w; i < e; ++i)
                        if (fb[i].st == 2) fb[i].st = 0;
                }
            }
            if (rel) continue;
            size_t at = 0, dn = 0;
            for (auto& x : fb) {
                at += x.st == 1;
                dn += x.st == 3;
            }
            if (dn == n) break;
            if (dn && STRICT) {
                fprintf(stderr, "[hipemu] %s: __syncthreads not reached by %zu of %zu threads\n", f->name.c_str(), dn,
                        n);
                cur = 0;
                return 719;
            }
            for (auto& x : fb)
                if (x.st == 1) x.st = 0;
        }
    }
    cur = 0;
    return 0;
}
API int hipModuleLaunchKernel(Fn* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                              unsigned smem, void*, void** args, void** extra) {
    std::lock_guard<std::recursive_mutex> lk(M);
    if (!gx || !gy || !gz || !bx || !by || !bz || (size_t)bx * by * bz > 1024 || smem > 65536) return E(1);
    ++launches;
    if (TRACE)
        fprintf(stderr, "[hipemu] launch %s <<<(%u,%u,%u),(%u,%u,%u),%u>>>%s\n", f->name.c_str(), gx, gy, gz, bx, by,
                bz, smem, f->fibers ? " fibers" : "");
    hipemu_gdim = {gx, gy, gz};
    hipemu_bdim = {bx, by, bz};
    static std::vector<char> dyn;
    dyn.assign(smem + 64, (char)0xFF);
    hipemu_dyn = (char*)(((uintptr_t)dyn.data() + 63) & ~(uintptr_t)63);
    curfn = f;
    curargs = args;
    std::mt19937 rng(SEED + launches);
    if (f->fibers) return E(run_fibers(f, {gx, gy, gz}, {bx, by, bz}, rng));
    cur = 0;
    std::vector<size_t> blocks((size_t)gx * gy * gz), threads((size_t)bx * by * bz);
    std::iota(blocks.begin(), blocks.end(), 0);
    std::iota(threads.begin(), threads.end(), 0);
    if (SEED) std::shuffle(blocks.begin(), blocks.end(), rng);
    for (size_t k : blocks) {
        hipemu_bid = {unsigned(k % gx), unsigned(k / gx % gy), unsigned(k / gx / gy)};
        if (SEED) std::shuffle(threads.begin(), threads.end(), rng);
        for (size_t i : threads) {
            hipemu_tid = {unsigned(i % bx), unsigned(i / bx % by), unsigned(i / bx / by)};
            f->call(args);
        }
    }
    return 0;
}

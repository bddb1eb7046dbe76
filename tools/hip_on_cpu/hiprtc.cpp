// libhiprtc.so.7 stand-in: "compiles" kernel source with g++ into a shared object (the "code object").
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>
#include <map>
#include <set>
#include <regex>
#include <fstream>
#include <sstream>
#include <unistd.h>
#define API extern "C" __attribute__((visibility("default")))
struct P {
    std::string src, name, log, code;
    std::vector<std::string> ne;
    std::map<std::string, std::string> low;
    std::vector<std::pair<std::string, std::string>> hdr;
};
API const char* hiprtcGetErrorString(int e) {
    return e == 0 ? "HIPRTC_SUCCESS" : e == 6 ? "HIPRTC_ERROR_COMPILATION" : "HIPRTC_ERROR";
}
API int hiprtcVersion(int* a, int* b) {
    *a = 7;
    *b = 1;
    return 0;
}
API int hiprtcCreateProgram(P** p, const char* s, const char* n, int nh, const char** h, const char** inc) {
    *p = new P;
    (*p)->src = s;
    (*p)->name = n ? n : "";
    for (int i = 0; i < nh; ++i) (*p)->hdr.push_back({inc[i], h[i]});
    return 0;
}
API int hiprtcDestroyProgram(P** p) {
    delete *p;
    *p = 0;
    return 0;
}
API int hiprtcAddNameExpression(P* p, const char* n) {
    p->ne.push_back(n);
    return 0;
}
API int hiprtcGetLoweredName(P* p, const char* n, const char** r) {
    auto i = p->low.find(n);
    if (i == p->low.end()) return 10;
    *r = i->second.c_str();
    return 0;
}
API int hiprtcGetProgramLogSize(P* p, size_t* n) {
    *n = p->log.size() + 1;
    return 0;
}
API int hiprtcGetProgramLog(P* p, char* o) {
    strcpy(o, p->log.c_str());
    return 0;
}
API int hiprtcGetCodeSize(P* p, size_t* n) {
    *n = p->code.size() + 1;
    return 0;
}
API int hiprtcGetCode(P* p, char* o) {
    memcpy(o, p->code.data(), p->code.size());
    o[p->code.size()] = 0;
    return 0;
}
static std::string slurp(const std::string& f) {
    std::ifstream i(f, std::ios::binary);
    std::stringstream s;
    s << i.rdbuf();
    return s.str();
}
#include "home.h"
API int hiprtcCompileProgram(P* p, int no, const char** opt) {
    std::string d = tmpname("hipemu_rtc_XXXXXX"), s = p->src;
    char* dir = &d[0];
    if (!mkdtemp(dir)) return 1;
    s = std::regex_replace(s,
                           std::regex("extern\\s+__shared__\\s+([A-Za-z_][\\w:<>, ]*?)\\s+(\\w+)\\s*\\[\\s*\\]\\s*;"),
                           "$1* $2=($1*)hipemu_dyn;");
    bool fib = std::regex_search(s, std::regex("__syncthreads|__syncwarp|__shfl|__ballot|__any_sync|__all_sync"));
    std::string tail =
        "\nextern \"C\" __attribute__((visibility(\"default\"))) int hipemu_needs_fibers; int hipemu_needs_fibers=" +
        std::string(fib ? "1" : "0") + ";\n";
    std::set<std::string> seen;
    std::regex k(
        "(template\\s*<[^>]*>\\s*)?(?:extern\\s+\"C\"\\s+)?(?:static\\s+)?__global__\\s+(?:__launch_bounds__\\s*\\([^)]"
        "*\\)\\s*)?void\\s+(?:__launch_bounds__\\s*\\([^)]*\\)\\s*)?(\\w+)\\s*\\(");
    for (std::sregex_iterator i(s.begin(), s.end(), k), e; i != e; ++i) {
        if ((*i)[1].matched) continue;
        std::string n = (*i)[2];
        if (seen.insert(n).second)
            tail += "extern \"C\" __attribute__((visibility(\"default\"))) void hipemu_l_" + n +
                    "(void**a){ hipemu_call(&" + n + ",a); }\n";
    }
    for (size_t i = 0; i < p->ne.size(); ++i) {
        std::string l = "hipemu_ne_" + std::to_string(i);
        p->low[p->ne[i]] = l;
        tail += "extern \"C\" __attribute__((visibility(\"default\"))) void hipemu_l_" + l +
                "(void**a){ hipemu_call(&" + p->ne[i] + ",a); }\n";
    }
    {
        std::ofstream o(d + "/k.cpp");
        o << "#line 1 \"" << p->name << "\"\n" << s << tail;
    }
    for (auto& h : p->hdr) {
        std::ofstream o(d + "/" + h.first);
        o << h.second;
    }
    const char* cf = getenv("HIPEMU_CXXFLAGS");
    std::string cmd = std::string("g++ -x c++ -shared -fPIC -w -fpermissive -ffp-contract=off -fvisibility=hidden ") +
                      (cf ? cf : "-O1") + " -D__HIPCC_RTC__ -D__HIP_PLATFORM_AMD__ -D__HIPEMU__ -I" + home() +
                      "/inc -include hip_cpu.h -I" + d;
    bool std_ = false;
    for (int i = 0; i < no; ++i) {
        std::string o = opt[i];
        if (o.compare(0, 2, "-I") == 0 || o.compare(0, 2, "-D") == 0)
            cmd += " '" + o + "'";
        else if (o.find("-std=") != std::string::npos) {
            cmd += " -std=" + o.substr(o.find('=') + 1);
            std_ = true;
        }
    }
    if (!std_) cmd += " -std=c++17";
    cmd += " -o " + d + "/k.so " + d + "/k.cpp -L" + home() + "/lib -l:libamdhip64.so.7 > " + d + "/log 2>&1";
    int rc = system(cmd.c_str());
    p->log = slurp(d + "/log");
    if (rc == 0) {
        std::string so = slurp(d + "/k.so");
        size_t n = so.size();
        p->code = "HIPEMU1\n";
        p->code.append((char*)&n, 8);
        p->code += so;
    }
    if (rc && getenv("HIPEMU_KEEP"))
        fprintf(stderr, "[hipemu] kept %s\n%s\n", dir, p->log.substr(0, 3000).c_str());
    else
        system(("rm -rf " + d).c_str());
    return rc ? 6 : 0;
}
API int hiprtcGetBitcodeSize() { return 1; }
API int hiprtcGetBitcode() { return 1; }

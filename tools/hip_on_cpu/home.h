// Where the runtime is installed (HIPEMU_HOME) and where temporary files go (TMPDIR).
#pragma once
#include <cstdlib>
#include <string>
static inline std::string home() {
    const char* h = getenv("HIPEMU_HOME");
    return h ? h : ".";
}
static inline std::string tmpname(const char* pattern) {
    const char* t = getenv("TMPDIR");
    return std::string(t && *t ? t : P_tmpdir) + "/" + pattern;
}

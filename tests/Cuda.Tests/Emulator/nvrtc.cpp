// A stand-in for libnvrtc: kernels are built by g++ against emulator.h, and the image is the shared object.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {
struct Program { std::string source, name, image, log; std::vector<std::pair<std::string, std::string>> headers; };

std::string folderOfThis() {
    Dl_info info;
    dladdr((void*)&folderOfThis, &info);
    std::string path = info.dli_fname;
    return path.substr(0, path.rfind('/'));
}

std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
}

EXPORT const char* nvrtcGetErrorString(int result) { return result == 0 ? "NVRTC_SUCCESS" : result == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR_INVALID_INPUT"; }
EXPORT int nvrtcVersion(int* major, int* minor) { *major = 12; *minor = 4; return 0; }
EXPORT int nvrtcGetNumSupportedArchs(int* count) { *count = 3; return 0; }
EXPORT int nvrtcGetSupportedArchs(int* archs) { archs[0] = 80; archs[1] = 86; archs[2] = 90; return 0; }
EXPORT int nvrtcCreateProgram(Program** program, const char* source, const char* name, int headers, const char* const* texts, const char* const* names) {
    *program = new Program{source, name, {}, {}, {}};
    for (int i = 0; i < headers; i++) (*program)->headers.push_back({names[i], texts[i]});
    return 0;
}
EXPORT int nvrtcDestroyProgram(Program** program) { delete *program; *program = nullptr; return 0; }
EXPORT int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
    char folder[] = "/tmp/tailorkv-emulator-XXXXXX";
    if (!mkdtemp(folder)) return 3;
    std::string at = folder, source = at + "/" + program->name + ".cpp", image = at + "/kernel.so", log = at + "/log";
    { std::ofstream(source) << "#include \"emulator.h\"\n#line 1\n" << program->source; }
    for (auto& header : program->headers) std::ofstream(at + "/" + header.first) << header.second;
    std::string command = "g++ -std=c++17 -O2 -shared -fPIC -fvisibility=hidden -ffp-contract=off -fno-strict-aliasing -w -I'" + folderOfThis() + "' -I'" + at + "'";
    for (int i = 0; i < count; i++)
        if (std::string(options[i]).rfind("-D", 0) == 0) command += " '" + std::string(options[i]) + "'";
    int result = system((command + " '" + source + "' -o '" + image + "' >'" + log + "' 2>&1").c_str());
    program->log = read(log);
    bool built = WIFEXITED(result) && WEXITSTATUS(result) == 0;
    if (built) program->image = read(image);
    for (auto& header : program->headers) unlink((at + "/" + header.first).c_str());
    for (auto& file : {source, image, log}) unlink(file.c_str());
    rmdir(folder);
    return built ? 0 : 6;
}
EXPORT int nvrtcGetCUBINSize(Program* program, size_t* bytes) { *bytes = program->image.size(); return 0; }
EXPORT int nvrtcGetCUBIN(Program* program, char* image) { program->image.copy(image, program->image.size()); return 0; }
EXPORT int nvrtcGetPTXSize(Program* program, size_t* bytes) { *bytes = program->image.size(); return 0; }
EXPORT int nvrtcGetPTX(Program* program, char* image) { program->image.copy(image, program->image.size()); return 0; }
EXPORT int nvrtcGetProgramLogSize(Program* program, size_t* bytes) { *bytes = program->log.size() + 1; return 0; }
EXPORT int nvrtcGetProgramLog(Program* program, char* log) { program->log.copy(log, program->log.size()); log[program->log.size()] = 0; return 0; }

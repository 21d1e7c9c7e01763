// A stand-in for libcuda.so.1: one card of which the memory is this machine's, whose kernels are shared objects that the stand-in compiler (nvrtc.cpp) has built.
// Work of a stream is done when somebody waits for it, or at once, by the seed: whoever forgets to wait sees it.
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include "blocks.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

enum Result { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NO_BINARY_FOR_GPU = 209, INVALID_HANDLE = 400, NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719, STREAM_CAPTURE_UNSUPPORTED = 900, STREAM_CAPTURE_INVALIDATED = 901 };

namespace {
constexpr uint64_t DeviceBytes = 2ull << 30, Page = 4096;

struct Allocation { char* mapping; uint64_t mapped, bytes; bool pinned; };
struct Module { void* library; };
struct Function { Module* module; void (*kernel)(const void*); unsigned bytes, threads; std::string name; };
struct Stream;
struct Operation { uint64_t ticket; std::function<Result()> run; };
struct Graph { std::vector<std::function<Result()>> operations; };
struct Stream { std::deque<Operation> queue; Graph* capture = nullptr; Result failed = OK; };
struct Event { Stream* stream = nullptr; uint64_t ticket = 0; Graph* capture = nullptr; };

std::recursive_mutex gate;
std::map<uintptr_t, Allocation> allocations;
std::set<Stream*> streams;
uint64_t used, tickets, contexts;
bool started;
thread_local bool contextIsCurrent;
std::string detail;
Blocks blocks;
std::mt19937_64 draws;
struct sigaction previous;

#define GATE std::lock_guard<std::recursive_mutex> held(gate)
#define NEED_CONTEXT if (!contextIsCurrent) return INVALID_CONTEXT

const Allocation* allocationOf(const void* address, uint64_t bytes) {
    auto next = allocations.upper_bound((uintptr_t)address);
    if (next == allocations.begin()) return nullptr;
    --next;
    return (uintptr_t)address - next->first + bytes <= next->second.bytes ? &next->second : nullptr;
}

Result take(void** address, uint64_t bytes, bool pinned) {
    if (bytes == 0) return INVALID_VALUE;
    if (!pinned && used + bytes > DeviceBytes) return OUT_OF_MEMORY;
    // Small allocations end where a page that nobody may touch begins; larger ones begin as a card's do, on 256 bytes.
    uint64_t padded = bytes < Page ? (bytes + 15) / 16 * 16 : (bytes + 255) / 256 * 256, inner = (padded + Page - 1) / Page * Page, mapped = inner + 2 * Page;
    auto mapping = (char*)mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) return OUT_OF_MEMORY;
    mprotect(mapping, Page, PROT_NONE);
    mprotect(mapping + Page + inner, Page, PROT_NONE);
    char* first = mapping + Page + inner - padded;
    // What a card gives out holds anything.
    if (!pinned && bytes <= (16u << 20)) memset(first, 0xff, bytes);
    allocations[(uintptr_t)first] = {mapping, mapped, bytes, pinned};
    if (!pinned) used += bytes;
    *address = first;
    return OK;
}

Result drain(Stream* stream, uint64_t upTo = UINT64_MAX) {
    while (!stream->queue.empty() && stream->queue.front().ticket <= upTo) {
        auto run = std::move(stream->queue.front().run);
        stream->queue.pop_front();
        Result result = run();
        if (result != OK && stream->failed == OK) stream->failed = result;
    }
    return stream->failed;
}

Result finish(Stream* stream) {
    Result result = drain(stream);
    stream->failed = OK;
    return result;
}

Result drainAll() {
    Result result = OK;
    for (Stream* stream : std::set<Stream*>(streams)) {
        Result one = finish(stream);
        if (result == OK) result = one;
    }
    return result;
}

Result enqueue(Stream* stream, std::function<Result()> run) {
    if (stream->capture) {
        stream->capture->operations.push_back(std::move(run));
        return OK;
    }
    stream->queue.push_back({++tickets, std::move(run)});
    // Seed 0 does nothing before it must; others do some things at once.
    if (blocks.seed != 0 && (draws() & 1)) drain(stream);
    return OK;
}

void onFault(int signal, siginfo_t* info, void* context) {
    if (Blocks::inLaunch) {
        Blocks::faultAddress = info->si_addr;
        siglongjmp(Blocks::faulted, 1);
    }
    if (previous.sa_flags & SA_SIGINFO) previous.sa_sigaction(signal, info, context);
    else if (previous.sa_handler == SIG_DFL) { sigaction(signal, &previous, nullptr); }
    else if (previous.sa_handler != SIG_IGN) previous.sa_handler(signal);
}

Result launch(Function* function, std::vector<char>& arguments, EmulatorDim grid, EmulatorDim block) {
    std::string error = blocks.run(function->name, function->kernel, arguments.data(), grid, block);
    if (error.empty()) return OK;
    detail = error;
    return error.find("outside every allocation") != std::string::npos ? ILLEGAL_ADDRESS : LAUNCH_FAILED;
}

Result copy(void* to, const void* from, uint64_t bytes) { memmove(to, from, bytes); return OK; }
}

EXPORT Result cuInit(unsigned) {
    GATE;
    if (!started) {
        started = true;
        blocks.allocated = [](const void* address, uint64_t bytes) { return allocationOf(address, bytes) != nullptr; };
        struct sigaction action{};
        action.sa_sigaction = onFault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        sigaction(SIGSEGV, &action, &previous);
    }
    return OK;
}
EXPORT Result cuDriverGetVersion(int* version) { *version = 12040; return OK; }
EXPORT Result cuDeviceGetCount(int* count) { *count = started ? 1 : 0; return started ? OK : NOT_INITIALIZED; }
EXPORT Result cuDeviceGet(int* device, int ordinal) { *device = 0; return ordinal == 0 ? OK : (Result)101; }
EXPORT Result cuDeviceGetName(char* name, int length, int) { snprintf(name, (size_t)length, "Emulated card"); return OK; }
EXPORT Result cuDeviceTotalMem_v2(uint64_t* bytes, int) { *bytes = DeviceBytes; return OK; }
EXPORT Result cuDeviceGetAttribute(int* value, int attribute, int) {
    // Multiprocessors; compute capability.
    *value = attribute == 16 ? 4 : attribute == 75 ? 8 : attribute == 76 ? 6 : 0;
    return OK;
}
EXPORT Result cuDevicePrimaryCtxRetain(void** context, int) { GATE; contexts++; *context = &blocks; return started ? OK : NOT_INITIALIZED; }
EXPORT Result cuDevicePrimaryCtxRelease_v2(int) { GATE; if (contexts == 0) return INVALID_CONTEXT; contexts--; return OK; }
EXPORT Result cuCtxSetCurrent(void* context) { contextIsCurrent = context == &blocks; return OK; }
EXPORT Result cuMemGetInfo_v2(uint64_t* free, uint64_t* total) { GATE; NEED_CONTEXT; *free = DeviceBytes - used; *total = DeviceBytes; return OK; }
EXPORT Result cuMemAlloc_v2(void** address, uint64_t bytes) { GATE; NEED_CONTEXT; return take(address, bytes, false); }
EXPORT Result cuMemHostAlloc(void** address, uint64_t bytes, unsigned) { GATE; NEED_CONTEXT; return take(address, bytes, true); }
static Result giveBack(void* address, bool pinned) {
    drainAll();
    auto found = allocations.find((uintptr_t)address);
    if (found == allocations.end() || found->second.pinned != pinned) return INVALID_VALUE;
    if (!pinned) used -= found->second.bytes;
    munmap(found->second.mapping, found->second.mapped);
    allocations.erase(found);
    return OK;
}
EXPORT Result cuMemFree_v2(void* address) { GATE; NEED_CONTEXT; return giveBack(address, false); }
EXPORT Result cuMemFreeHost(void* address) { GATE; NEED_CONTEXT; return giveBack(address, true); }

static Result copyAsync(void* to, const void* from, uint64_t bytes, Stream* stream, bool toDevice, bool fromDevice) {
    if (bytes == 0) return OK;
    if ((toDevice && !allocationOf(to, bytes)) || (fromDevice && !allocationOf(from, bytes))) return INVALID_VALUE;
    if (!fromDevice && !allocationOf(from, bytes)) {
        // Pageable memory is read before the call returns.
        auto kept = std::make_shared<std::vector<char>>((const char*)from, (const char*)from + bytes);
        return enqueue(stream, [=] { return copy(to, kept->data(), bytes); });
    }
    if (!toDevice && !allocationOf(to, bytes)) {
        if (stream->capture) return STREAM_CAPTURE_UNSUPPORTED;
        Result result = drain(stream);
        return result != OK ? finish(stream) : copy(to, from, bytes);
    }
    return enqueue(stream, [=] { return copy(to, from, bytes); });
}
EXPORT Result cuMemcpyHtoDAsync_v2(void* to, const void* from, uint64_t bytes, Stream* stream) { GATE; NEED_CONTEXT; return copyAsync(to, from, bytes, stream, true, false); }
EXPORT Result cuMemcpyDtoHAsync_v2(void* to, const void* from, uint64_t bytes, Stream* stream) { GATE; NEED_CONTEXT; return copyAsync(to, from, bytes, stream, false, true); }
EXPORT Result cuMemcpyDtoDAsync_v2(void* to, const void* from, uint64_t bytes, Stream* stream) { GATE; NEED_CONTEXT; return copyAsync(to, from, bytes, stream, true, true); }
EXPORT Result cuMemsetD8Async(void* to, unsigned char value, uint64_t count, Stream* stream) {
    GATE; NEED_CONTEXT;
    if (!allocationOf(to, count)) return INVALID_VALUE;
    return enqueue(stream, [=] { memset(to, value, count); return OK; });
}
EXPORT Result cuMemsetD32Async(void* to, unsigned value, uint64_t count, Stream* stream) {
    GATE; NEED_CONTEXT;
    if (!allocationOf(to, 4 * count)) return INVALID_VALUE;
    return enqueue(stream, [=] { std::fill_n((unsigned*)to, count, value); return OK; });
}

EXPORT Result cuStreamCreate(Stream** stream, unsigned) { GATE; NEED_CONTEXT; *stream = new Stream; streams.insert(*stream); return OK; }
EXPORT Result cuStreamDestroy_v2(Stream* stream) { GATE; drain(stream); streams.erase(stream); delete stream; return OK; }
EXPORT Result cuStreamSynchronize(Stream* stream) { GATE; NEED_CONTEXT; return stream->capture ? STREAM_CAPTURE_UNSUPPORTED : finish(stream); }
EXPORT Result cuEventCreate(Event** event, unsigned) { GATE; NEED_CONTEXT; *event = new Event; return OK; }
EXPORT Result cuEventDestroy_v2(Event* event) { GATE; delete event; return OK; }
EXPORT Result cuEventRecord(Event* event, Stream* stream) {
    GATE; NEED_CONTEXT;
    *event = {stream, ++tickets, stream->capture};
    return OK;
}
EXPORT Result cuEventSynchronize(Event* event) { GATE; NEED_CONTEXT; return event->stream ? drain(event->stream, event->ticket) : OK; }
EXPORT Result cuEventElapsedTime(float* milliseconds, Event*, Event*) { *milliseconds = 0; return OK; }
EXPORT Result cuStreamWaitEvent(Stream* stream, Event* event, unsigned) {
    GATE; NEED_CONTEXT;
    // A stream that waits for captured work is captured with it.
    if (event->capture) { stream->capture = event->capture; return OK; }
    Stream* other = event->stream;
    uint64_t ticket = event->ticket;
    return other == nullptr || other == stream ? OK : enqueue(stream, [=] { return drain(other, ticket); });
}
EXPORT Result cuStreamBeginCapture_v2(Stream* stream, int) {
    GATE; NEED_CONTEXT;
    if (stream->capture) return INVALID_VALUE;
    stream->capture = new Graph;
    return OK;
}
EXPORT Result cuStreamEndCapture(Stream* stream, Graph** graph) {
    GATE; NEED_CONTEXT;
    if (!stream->capture) return INVALID_VALUE;
    Graph* captured = stream->capture;
    for (Stream* one : streams) if (one->capture == captured) one->capture = nullptr;
    *graph = captured;
    return OK;
}
EXPORT Result cuGraphInstantiateWithFlags(Graph** executable, Graph* graph, uint64_t) { GATE; *executable = new Graph(*graph); return OK; }
EXPORT Result cuGraphDestroy(Graph* graph) { GATE; delete graph; return OK; }
EXPORT Result cuGraphExecDestroy(Graph* graph) { GATE; drainAll(); delete graph; return OK; }
EXPORT Result cuGraphLaunch(Graph* graph, Stream* stream) {
    GATE; NEED_CONTEXT;
    blocks.launches["graph"]++;
    for (const auto& operation : graph->operations) enqueue(stream, operation);
    return OK;
}

EXPORT Result cuModuleLoadData(Module** module, const void* image) {
    GATE; NEED_CONTEXT;
    auto header = (const Elf64_Ehdr*)image;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return INVALID_IMAGE;
    uint64_t bytes = header->e_shoff + (uint64_t)header->e_shnum * header->e_shentsize;
    int file = memfd_create("kernel", 0);
    if (file < 0 || write(file, image, bytes) != (ssize_t)bytes) return INVALID_IMAGE;
    void* library = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
    // Libraries are told apart by name: the file stays, so that no other gets its number.
    if (!library) { detail = dlerror(); close(file); return INVALID_IMAGE; }
    auto bind = (void (*)(const EmulatorApi*))dlsym(library, "emulator_bind");
    if (!bind) return NO_BINARY_FOR_GPU;
    bind(&Blocks::api);
    *module = new Module{library};
    return OK;
}
EXPORT Result cuModuleUnload(Module* module) { GATE; drainAll(); dlclose(module->library); delete module; return OK; }
EXPORT Result cuModuleGetFunction(Function** function, Module* module, const char* name) {
    GATE; NEED_CONTEXT;
    auto kernel = (void (*)(const void*))dlsym(module->library, name);
    auto bytes = (const unsigned*)dlsym(module->library, (std::string(name) + "_bytes").c_str());
    auto threads = (const unsigned*)dlsym(module->library, (std::string(name) + "_threads").c_str());
    if (!kernel || !bytes || !threads) return NOT_FOUND;
    *function = new Function{module, kernel, *bytes, *threads, name};
    return OK;
}
EXPORT Result cuLaunchKernel(Function* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, Stream* stream, void**, void** extra) {
    GATE; NEED_CONTEXT;
    if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx * by * bz == 0 || bx * by * bz > Blocks::MostThreads || shared != 0 || extra == nullptr) return INVALID_VALUE;
    const char* buffer = nullptr;
    uint64_t bytes = 0;
    for (int i = 0; extra[i] != nullptr; i += 2) {
        if (extra[i] == (void*)1) buffer = (const char*)extra[i + 1];
        if (extra[i] == (void*)2) bytes = *(const uint64_t*)extra[i + 1];
    }
    if (bytes != function->bytes) { detail = "kernel " + function->name + " takes " + std::to_string(function->bytes) + " bytes of arguments, not " + std::to_string(bytes); return LAUNCH_FAILED; }
    if (bx * by * bz > function->threads) { detail = "kernel " + function->name + " is made for blocks of " + std::to_string(function->threads) + " threads"; return LAUNCH_FAILED; }
    std::vector<char> arguments(buffer, buffer + bytes);
    return enqueue(stream, [=]() mutable { return launch(function, arguments, {gx, gy, gz}, {bx, by, bz}); });
}

EXPORT Result cuGetErrorName(Result result, const char** name) {
    switch (result) {
        case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
        case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
        case INVALID_IMAGE: *name = "CUDA_ERROR_INVALID_IMAGE"; break;
        case INVALID_CONTEXT: *name = "CUDA_ERROR_INVALID_CONTEXT"; break;
        case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; break;
        case ILLEGAL_ADDRESS: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
        case LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
        default: *name = "CUDA_ERROR_UNKNOWN"; break;
    }
    return OK;
}
EXPORT Result cuGetErrorString(Result result, const char** text) {
    static thread_local std::string kept;
    GATE;
    kept = result == OUT_OF_MEMORY ? "out of memory" : detail.empty() ? "an error of the stand-in driver" : detail;
    *text = kept.c_str();
    return OK;
}

// What tests ask for.
EXPORT void emulator_seed(uint64_t seed) { GATE; drainAll(); blocks.seed = seed; draws.seed(seed); }
EXPORT void emulator_count(int on) { GATE; drainAll(); blocks.counting = on != 0; blocks.traffic.clear(); }
EXPORT uint64_t emulator_launches(const char* kernel) { GATE; return blocks.launches[kernel]; }
EXPORT void emulator_traffic(const char* kernel, uint64_t* numbers) {
    GATE;
    const Traffic& one = blocks.traffic[kernel];
    numbers[0] = one.requests; numbers[1] = one.sectors; numbers[2] = one.bytes; numbers[3] = one.sharedRequests; numbers[4] = one.sharedWavefronts; numbers[5] = one.keptSectors; numbers[6] = one.keptBytes;
}
EXPORT uint64_t emulator_used() { GATE; return used; }

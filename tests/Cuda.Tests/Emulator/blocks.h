// Runs the blocks of a launch one after another, each thread as a fiber, and finds what a card would not say: barriers that not all threads reach, shuffles with absent lanes, reads outside allocations.
#pragma once
#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>
#include "abi.h"
#include "fibers.h"

// Of each warp request, and of each warp's whole run (kept*: what its cache need not fetch again counts once).
struct Traffic { uint64_t requests = 0, sectors = 0, bytes = 0, sharedRequests = 0, sharedWavefronts = 0, keptSectors = 0, keptBytes = 0; };

class Blocks {
public:
    static constexpr int WarpLanes = 32, MostThreads = 1024;
    static constexpr size_t StackBytes = 128 << 10, SharedBytes = 48 << 10;

    uint64_t seed = 0;
    bool counting = false;
    // Whether an address lies in an allocation, whole.
    bool (*allocated)(const void* address, uint64_t bytes) = nullptr;
    std::map<std::string, Traffic> traffic;
    std::map<std::string, uint64_t> launches;

    // Runs a kernel; returns what went wrong, or nothing.
    std::string run(const std::string& name, void (*kernel)(const void*), const void* arguments, EmulatorDim grid, EmulatorDim block) {
        current = this;
        kernelName = name;
        launches[name]++;
        entry = kernel;
        parameters = arguments;
        gridSize = grid;
        blockSize = block;
        error.clear();
        size_t blocks = (size_t)grid.x * grid.y * grid.z;
        threads = block.x * block.y * block.z;
        random.seed(seed * 7919 + launches[name]);
        std::vector<uint32_t> order(blocks);
        for (size_t i = 0; i < blocks; i++) order[i] = (uint32_t)i;
        if (seed != 0) std::shuffle(order.begin(), order.end(), random);
        inLaunch = 1;
        if (sigsetjmp(faulted, 1) == 0) {
            for (uint32_t i : order) {
                blockPlace = {i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y};
                runBlock();
                if (!error.empty()) break;
            }
        } else {
            error = "an address outside every allocation was used: " + std::to_string((uintptr_t)faultAddress);
        }
        inLaunch = 0;
        if (!error.empty()) error = "kernel " + name + ", block " + std::to_string(blockPlace.x) + "," + std::to_string(blockPlace.y) + "," + std::to_string(blockPlace.z) + ": " + error;
        return error;
    }

    static Blocks* current;
    static thread_local volatile int inLaunch;
    static sigjmp_buf faulted;
    static void* faultAddress;
    static EmulatorApi api;

private:
    enum State { READY, AT_BARRIER, AT_WARP, DONE };
    struct Lane {
        void* stack;
        State state;
        EmulatorDim place;
        int line, operation, argument, width;
        unsigned mask;
        uint64_t value;
        uint32_t loads, sharedLoads;
    };
    struct Request { std::vector<std::pair<uintptr_t, unsigned>> parts; };

    std::string kernelName, error;
    void (*entry)(const void*) = nullptr;
    const void* parameters = nullptr;
    EmulatorDim gridSize{}, blockSize{}, blockPlace{};
    unsigned threads = 0;
    std::vector<char*> stacks;
    std::vector<Lane> lanes;
    Lane* running = nullptr;
    void* scheduler = nullptr;
    std::mt19937_64 random;
    alignas(128) char shared[SharedBytes];
    size_t sharedUsed = 0;
    struct SharedArrayPlace { const void* place; char* first; uint64_t bytes; const char* name; };
    std::vector<SharedArrayPlace> sharedArrays;
    std::vector<std::vector<Request>> globalRequests, sharedRequests;

    static constexpr int Canary = 64;

    void runBlock() {
        while (stacks.size() < threads) {
            auto stack = (char*)mmap(nullptr, StackBytes + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            mprotect(stack, 4096, PROT_NONE);
            stacks.push_back(stack + 4096);
        }
        sharedUsed = 0;
        sharedArrays.clear();
        // Noise, NaN in single precision: what is read before it is written shows.
        memset(shared, 0xff, sizeof shared);
        lanes.resize(threads);
        unsigned warps = (threads + WarpLanes - 1) / WarpLanes;
        if (counting) { globalRequests.assign(warps, {}); sharedRequests.assign(warps, {}); }
        for (unsigned i = 0; i < threads; i++) {
            lanes[i] = {};
            lanes[i].place = {i % blockSize.x, i / blockSize.x % blockSize.y, i / blockSize.x / blockSize.y};
            lanes[i].stack = fiber_begin(stacks[i], StackBytes, &enter);
        }
        std::vector<unsigned> ready;
        for (;;) {
            ready.clear();
            for (unsigned warp = 0; warp < warps; warp++)
                if (readyLanes(warp)) ready.push_back(warp);
            if (ready.empty()) {
                if (!release()) break;
                continue;
            }
            // Warps in turn, or drawn by the seed; one runs until all its lanes wait for others.
            if (seed == 0) {
                for (unsigned warp : ready) if (!runWarp(warp)) return;
            } else if (!runWarp(ready[random() % ready.size()])) {
                return;
            }
        }
        for (const auto& array : sharedArrays)
            for (int i = 0; i < Canary; i++)
                if ((unsigned char)array.first[array.bytes + i] != 0xff) { error = std::string("the shared array ") + array.name + " was written past its end"; return; }
        if (counting && error.empty()) count();
    }

    bool readyLanes(unsigned warp) const {
        for (unsigned i = warp * WarpLanes; i < std::min(threads, (warp + 1) * WarpLanes); i++)
            if (lanes[i].state == READY) return true;
        return false;
    }

    bool runWarp(unsigned warp) {
        unsigned first = warp * WarpLanes, count = std::min<unsigned>(WarpLanes, threads - first);
        do {
            // Nothing says in which order the lanes of a warp go between what joins them.
            unsigned turn = seed == 0 ? 0 : random() % count;
            bool back = seed != 0 && (random() & 1);
            for (unsigned i = 0; i < count; i++) {
                unsigned at = first + (turn + (back ? count - i : i)) % count;
                if (lanes[at].state != READY) continue;
                running = &lanes[at];
                emulator_switch(&scheduler, running->stack);
                if (!error.empty()) return false;
            }
            if (!join(first, count)) return false;
        } while (readyLanes(warp));
        return true;
    }

    // Completes what the lanes of a warp wait for together, where all lanes of the mask have come.
    bool join(unsigned first, unsigned count) {
        for (unsigned i = first; i < first + count; i++) {
            Lane& lane = lanes[i];
            if (lane.state != AT_WARP) continue;
            bool all = true;
            for (unsigned j = 0; j < WarpLanes && all; j++) {
                if (!(lane.mask >> j & 1)) continue;
                all = j < count && lanes[first + j].state == AT_WARP && lanes[first + j].mask == lane.mask && lanes[first + j].operation == lane.operation;
            }
            if (!all) continue;
            if (!(lane.mask >> (i - first) & 1)) { error = "a lane is not in the mask of its own warp operation"; return false; }
            uint64_t values[WarpLanes]{}, ballot = 0;
            for (unsigned j = 0; j < count; j++)
                if (lane.mask >> j & 1) { values[j] = lanes[first + j].value; ballot |= (uint64_t)(values[j] & 1) << j; }
            unsigned mask = lane.mask;
            int operation = lane.operation;
            for (unsigned j = 0; j < count; j++) {
                if (!(mask >> j & 1)) continue;
                Lane& one = lanes[first + j];
                int width = one.width, base = (int)j / width * width, within = (int)j % width, from = (int)j;
                switch (operation) {
                    case WARP_SHUFFLE: from = base + (one.argument & (width - 1)); break;
                    case WARP_SHUFFLE_XOR: from = (within ^ one.argument) < width ? base + (within ^ one.argument) : (int)j; break;
                    case WARP_SHUFFLE_UP: from = within >= one.argument ? (int)j - one.argument : (int)j; break;
                    case WARP_SHUFFLE_DOWN: from = within + one.argument < width ? (int)j + one.argument : (int)j; break;
                }
                if (operation != WARP_SYNC && operation != WARP_BALLOT && !(mask >> from & 1)) {
                    error = "lane " + std::to_string(j) + " shuffles from lane " + std::to_string(from) + ", which is not in the mask";
                    return false;
                }
                one.value = operation == WARP_BALLOT ? ballot : values[from];
                one.state = READY;
            }
        }
        return true;
    }

    // Lets threads past a barrier that all have come to; says whether any can go on.
    bool release() {
        unsigned waiting = 0, done = 0, atWarp = 0, line = 0;
        for (const Lane& lane : lanes) {
            done += lane.state == DONE;
            atWarp += lane.state == AT_WARP;
            if (lane.state != AT_BARRIER) continue;
            if (waiting++ > 0 && line != (unsigned)lane.line) error = "threads of one block wait at barriers of lines " + std::to_string(line) + " and " + std::to_string(lane.line);
            line = (unsigned)lane.line;
        }
        if (!error.empty() || done == threads) return false;
        if (atWarp > 0) { error = std::to_string(atWarp) + " lanes wait for lanes of their warps that never come to a shuffle or vote"; return false; }
        if (waiting < threads) { error = "the barrier of line " + std::to_string(line) + " is reached by " + std::to_string(waiting) + " of " + std::to_string(threads) + " threads"; return false; }
        for (Lane& lane : lanes) lane.state = READY;
        return true;
    }

    void count() {
        Traffic& all = traffic[kernelName];
        for (auto& warp : globalRequests) {
            // Of a sector, which of its bytes were needed.
            std::unordered_map<uintptr_t, uint32_t> kept;
            for (auto& request : warp) {
                std::map<uintptr_t, uint32_t> sectors;
                for (auto& part : request.parts)
                    for (unsigned i = 0; i < part.second; i++) sectors[(part.first + i) / 32] |= 1u << ((part.first + i) % 32);
                all.requests++;
                all.sectors += sectors.size();
                for (auto& sector : sectors) { all.bytes += (unsigned)__builtin_popcount(sector.second); kept[sector.first] |= sector.second; }
            }
            all.keptSectors += kept.size();
            for (auto& sector : kept) all.keptBytes += (unsigned)__builtin_popcount(sector.second);
        }
        for (auto& warp : sharedRequests)
            for (auto& request : warp) {
                // Words of one bank are read one after another, but for the same word; wide accesses go in as many turns as they take.
                std::map<uintptr_t, std::set<uintptr_t>> banks;
                size_t wordsOf = 0, worst = 1;
                for (auto& part : request.parts)
                    for (unsigned i = 0; i < std::max(1u, part.second / 4); i++) banks[(part.first / 4 + i) % 32].insert(part.first / 4 + i);
                for (auto& bank : banks) { worst = std::max(worst, bank.second.size()); wordsOf += bank.second.size(); }
                all.sharedRequests += std::max<size_t>(1, (wordsOf + 31) / 32);
                all.sharedWavefronts += worst;
            }
    }

    static void note(std::vector<std::vector<Request>>& requests, unsigned warp, uint32_t at, const void* address, unsigned bytes) {
        auto& all = requests[warp];
        if (all.size() <= at) all.resize(at + 1);
        all[at].parts.push_back({(uintptr_t)address, bytes});
    }

    unsigned warpOf(const Lane* lane) const { return (unsigned)(lane - lanes.data()) / WarpLanes; }

    void wait(State state) {
        running->state = state;
        Lane* self = running;
        emulator_switch(&self->stack, scheduler);
    }

    static void enter() {
        Blocks* blocks = current;
        blocks->entry(blocks->parameters);
        blocks->wait(DONE);
    }

    static const EmulatorDim* threadOf() { return &current->running->place; }
    static const EmulatorDim* blockOf() { return &current->blockPlace; }
    static const EmulatorDim* blockDimOf() { return &current->blockSize; }
    static const EmulatorDim* gridDimOf() { return &current->gridSize; }
    static void barrierOf(int line) { current->running->line = line; current->wait(AT_BARRIER); }

    static uint64_t warpOf(EmulatorWarpOperation operation, unsigned mask, uint64_t value, int argument, int width, int line) {
        Lane* lane = current->running;
        lane->operation = operation;
        lane->mask = mask;
        lane->value = value;
        lane->argument = argument;
        lane->width = width;
        lane->line = line;
        current->wait(AT_WARP);
        return lane->value;
    }

    static void* sharedOf(const void* place, uint64_t bytes, const char* name) {
        for (const auto& array : current->sharedArrays)
            if (array.place == place) return array.first;
        char* first = current->shared + current->sharedUsed;
        current->sharedUsed += (bytes + Canary + 127) / 128 * 128;
        if (current->sharedUsed > SharedBytes) { failOf("more than 48 KiB of shared memory"); return current->shared; }
        current->sharedArrays.push_back({place, first, bytes, name});
        return first;
    }

    static void accessOf(const void* address, unsigned bytes, int write) {
        Blocks& blocks = *current;
        if ((uintptr_t)address % bytes != 0) failOf("a misaligned address");
        if (!blocks.allocated(address, bytes)) failOf(write ? "a write outside every allocation" : "a read outside every allocation");
        if (blocks.counting && !write) note(blocks.globalRequests, blocks.warpOf(blocks.running), blocks.running->loads++, address, bytes);
    }

    static void sharedAccessOf(const void* address, unsigned bytes) {
        Blocks& blocks = *current;
        if (blocks.counting) note(blocks.sharedRequests, blocks.warpOf(blocks.running), blocks.running->sharedLoads++, address, bytes);
    }

    static void failOf(const char* message) {
        Blocks& blocks = *current;
        blocks.error = std::string(message) + ", thread " + std::to_string(blocks.running - blocks.lanes.data());
        blocks.wait(DONE);
        abort();
    }
};

Blocks* Blocks::current;
thread_local volatile int Blocks::inLaunch;
sigjmp_buf Blocks::faulted;
void* Blocks::faultAddress;
EmulatorApi Blocks::api{threadOf, blockOf, blockDimOf, gridDimOf, barrierOf, warpOf, sharedOf, accessOf, sharedAccessOf, failOf};

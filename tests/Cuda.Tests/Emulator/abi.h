// What the stand-in driver offers to kernels that the stand-in compiler has built. Both sides include this.
#pragma once
#include <cstdint>

struct EmulatorDim { unsigned x, y, z; };

enum EmulatorWarpOperation : int { WARP_SYNC, WARP_SHUFFLE, WARP_SHUFFLE_UP, WARP_SHUFFLE_DOWN, WARP_SHUFFLE_XOR, WARP_BALLOT };

struct EmulatorApi {
    // The fiber that runs: its place, and the launch's sizes.
    const EmulatorDim* (*thread)();
    const EmulatorDim* (*block)();
    const EmulatorDim* (*blockDim)();
    const EmulatorDim* (*gridDim)();
    // All threads of a block wait for each other; the line says at which barrier.
    void (*barrier)(int line);
    // All lanes of a mask give a value and get one back.
    uint64_t (*warp)(EmulatorWarpOperation operation, unsigned mask, uint64_t value, int argument, int width, int line);
    // A shared array's memory in the block that runs: one for each place in the source that declares it.
    void* (*shared)(const void* place, uint64_t bytes, const char* name);
    // A global read or write: checked against the allocations, and counted when counting is on.
    void (*access)(const void* address, unsigned bytes, int write);
    // A shared access, counted when counting is on.
    void (*sharedAccess)(const void* address, unsigned bytes);
    // Ends the launch with an error.
    void (*fail)(const char* message);
};

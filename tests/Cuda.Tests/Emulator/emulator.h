// Stands in for CUDA C++ where kernels are built by g++: threads are fibers, blocks run one after another (emulator.cpp). Included before every kernel source.
#pragma once
#include <cmath>
#include <cstring>
#include "abi.h"

#define TAILORKV_EMULATOR 1
static const EmulatorApi* emulator;
extern "C" __attribute__((visibility("default"))) void emulator_bind(const EmulatorApi* api) { emulator = api; }

#define __device__
#define __global__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

#define threadIdx (*emulator->thread())
#define blockIdx (*emulator->block())
#define blockDim (*emulator->blockDim())
#define gridDim (*emulator->gridDim())

// A kernel takes one struct, so that its size can be held to what the host side sends.
#define KERNEL(name, Arguments, threads) \
    static void name##_body(const Arguments& a); \
    extern "C" __attribute__((visibility("default"))) const unsigned name##_bytes = sizeof(Arguments), name##_threads = threads; \
    extern "C" __attribute__((visibility("default"))) void name(const void* arguments) { name##_body(*(const Arguments*)arguments); } \
    static void name##_body(const Arguments& a)

struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

// An array that a block's threads share: its bounds are checked, and what it holds before it is written is noise.
template <class T, int Count> struct SharedArray {
    T* first;
    static void check(long i) { if (i < 0 || i >= Count) emulator->fail("a shared array was indexed outside its bounds"); }
    T& operator[](long i) const { check(i); emulator->sharedAccess(first + i, sizeof(T)); return first[i]; }
    operator T*() const { return first; }
};
#define SHARED(type, name, count) \
    static const char name##_place = 0; \
    const SharedArray<type, (count)> name{(type*)emulator->shared(&name##_place, sizeof(type) * (uint64_t)(count), #name)}

#define __syncthreads() emulator->barrier(__LINE__)
#define __syncwarp(...) emulator_syncwarp(__LINE__)
static inline void emulator_syncwarp(int line) { emulator->warp(WARP_SYNC, 0xffffffffu, 0, 0, 32, line); }
static inline void __threadfence() {}

template <class T> static inline T emulator_shuffle(EmulatorWarpOperation operation, unsigned mask, T value, int argument, int width, int line) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = emulator->warp(operation, mask, bits, argument, width, line);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}
template <class T> static inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32) { return emulator_shuffle(WARP_SHUFFLE, mask, value, lane, width, 0); }
template <class T> static inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) { return emulator_shuffle(WARP_SHUFFLE_XOR, mask, value, lanes, width, 0); }
template <class T> static inline T __shfl_up_sync(unsigned mask, T value, int lanes, int width = 32) { return emulator_shuffle(WARP_SHUFFLE_UP, mask, value, lanes, width, 0); }
template <class T> static inline T __shfl_down_sync(unsigned mask, T value, int lanes, int width = 32) { return emulator_shuffle(WARP_SHUFFLE_DOWN, mask, value, lanes, width, 0); }
static inline unsigned __ballot_sync(unsigned mask, int condition) { return (unsigned)emulator->warp(WARP_BALLOT, mask, condition != 0, 0, 32, 0); }
static inline int __any_sync(unsigned mask, int condition) { return __ballot_sync(mask, condition) != 0; }
static inline int __all_sync(unsigned mask, int condition) { return __ballot_sync(mask, condition) == mask; }

static inline unsigned __float_as_uint(float x) { unsigned u; std::memcpy(&u, &x, 4); return u; }
static inline float __uint_as_float(unsigned u) { float x; std::memcpy(&x, &u, 4); return x; }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned)x); }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    uint64_t both = ((uint64_t)b << 32) | a; unsigned result = 0;
    for (int i = 0; i < 4; i++) result |= (unsigned)((both >> (8 * ((selector >> (4 * i)) & 7))) & 255) << (8 * i);
    return result;
}
// Threads run one at a time, so what they do is atomic.
template <class T> static inline T atomicAdd(T* at, T value) { T old = *at; *at = old + value; return old; }
template <class T> static inline T atomicMax(T* at, T value) { T old = *at; if (value > old) *at = value; return old; }
static inline unsigned atomicInc(unsigned* at, unsigned most) { unsigned old = *at; *at = old >= most ? 0 : old + 1; return old; }

static inline float halfToFloat(unsigned short half) {
    unsigned sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent == 0) { float x = std::ldexp((float)fraction, -24); return sign ? -x : x; }
    return __uint_as_float(sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | (fraction << 13));
}
static inline unsigned short floatToHalf(float x) {
    unsigned bits = __float_as_uint(x), sign = (bits >> 16) & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return (unsigned short)(sign | 0x7fff);
    if (size >= 0x477ff000u) return (unsigned short)(sign | 0x7c00);
    if (size < 0x38800000u) return (unsigned short)(sign | (unsigned)std::nearbyint(std::ldexp(__uint_as_float(size), 24)));
    return (unsigned short)(sign | ((size - 0x38000000u + 0xfffu + ((size >> 13) & 1)) >> 13));
}

// Of a double straight, not by way of a float: rounded to odd first, a float keeps which way the rest lies.
static inline unsigned short doubleToHalf(double x) {
    if (x > 65504) x = 65504;
    float f = (float)x;
    if ((double)f != x) {
        unsigned bits = __float_as_uint(f);
        if (((double)f > x) == (x > 0)) bits--;
        f = __uint_as_float(bits | 1);
    }
    return floatToHalf(f);
}

// Reads of global memory by way of which the emulator checks addresses and counts sectors.
template <class T> static inline T load(const T* address) { emulator->access(address, sizeof(T), 0); return *address; }
template <class T> static inline void store(T* address, T value) { emulator->access(address, sizeof(T), 1); *address = value; }
